"""Priors fitted after training on the aggregate posterior: one file a kind."""
