"""The page of a study, from plain facts about its cells."""
