"""What is known of a run before its first step: a recipe's forecast and what it was told from."""
