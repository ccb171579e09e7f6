"""From a recipe to parts, from parts to a run, and back from a run folder."""
