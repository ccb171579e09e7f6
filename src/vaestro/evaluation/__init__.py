"""A model over a split, as one record."""
