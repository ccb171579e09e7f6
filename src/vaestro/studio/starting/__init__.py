"""Starting, stopping and resuming runs: a form of the recipe, a forecast, child processes."""
