"""From a run folder to one page: facts, words, figures, report.html. Needs no torch."""
