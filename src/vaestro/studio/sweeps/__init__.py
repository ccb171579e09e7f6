"""A sweep as the studio shows it: what it found, who works on it, stopping and going on."""
