"""Data sets and their real file formats, splits, and the batch stream."""
