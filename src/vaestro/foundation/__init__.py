"""Ground floor: errors, configuration, randomness, schedules, samples, files."""
