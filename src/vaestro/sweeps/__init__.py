"""A search over recipes: its space, its search, its ledger, its workers."""
