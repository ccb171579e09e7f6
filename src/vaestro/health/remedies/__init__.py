"""What cures which finding, as edits of a recipe: the one place that proposes them."""
