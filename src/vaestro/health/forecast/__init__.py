"""What a run will do, told from the data and the recipe before its first step."""
