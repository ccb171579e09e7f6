"""The five logs, run again: each a list of steps that train, measure and say what came out."""
