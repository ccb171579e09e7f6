"""The run folder on disk: its layout, its history, its manifest."""
