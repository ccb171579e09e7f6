"""The page of a sweep, from plain facts about its trials."""
