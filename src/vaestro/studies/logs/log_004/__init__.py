"""Log 004: a larger beta, latent dimensions with a meaning, streamlines of a chosen length."""
