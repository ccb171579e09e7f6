"""From a run folder to one page: facts, then words and figures, then report.html. Needs no torch."""
