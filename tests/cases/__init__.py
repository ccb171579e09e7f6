"""What the cases of the five logs are made of."""
