"""The figures of a study's page."""
