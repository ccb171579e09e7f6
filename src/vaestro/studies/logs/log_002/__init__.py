"""Log 002: a label-conditional VAE on handwritten digits."""
