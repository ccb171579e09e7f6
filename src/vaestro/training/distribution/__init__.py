"""One run on several processes: each computes some rows of every batch, and all take one step."""
