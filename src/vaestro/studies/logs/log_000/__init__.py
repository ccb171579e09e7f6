"""Log 000: a VAE of macromolecules that gave zeros, and the two uses that it was meant for."""
