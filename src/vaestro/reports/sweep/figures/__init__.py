"""The figures on the page of a sweep."""
