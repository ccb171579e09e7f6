"""Log 003: a dozen VAEs on small NORB, each question of the log asked again and answered."""
