"""Other libraries' models, made into what the doctor examines."""
