"""Is the run well? Baselines and verdicts."""
