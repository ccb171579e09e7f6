"""What the screens of runs show, read from run folders: rows, histories, one run, several."""
