"""Populations of runs: which members there are, which can be stacked, and their training."""
