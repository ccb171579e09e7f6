"""Priors fitted to the codes of a trained run."""
