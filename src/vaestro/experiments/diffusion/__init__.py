"""A diffusion prior as a run: recipe, parts, training, resume and what the end leaves."""
