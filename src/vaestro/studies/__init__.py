"""Studies: ablations over a named grid with seeds, each of them a sweep and a table."""
