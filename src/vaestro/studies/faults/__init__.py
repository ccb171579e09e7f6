"""Known faults as values: what the logs' programs did wrong, planted into a model that is right."""
