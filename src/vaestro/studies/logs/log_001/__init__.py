"""Log 001: a VAE of streamlines whose log-variances explode."""
