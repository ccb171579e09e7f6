"""p(x | decoder outputs): one file a family."""
