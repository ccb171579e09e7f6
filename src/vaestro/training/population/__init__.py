"""Populations: K runs of equal shapes, trained as one program."""
