"""Encoder and decoder bodies: dense and convolutional (1, 2 and 3 dimensions)."""
