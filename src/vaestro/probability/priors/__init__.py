"""Priors p(z) and p(z|r): one file a kind."""
