"""Ground floor: errors, configuration, randomness, schedules, samples, files. Imports nothing of ours."""
