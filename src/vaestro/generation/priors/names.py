"""The names of what latents can be drawn from."""

FITTED = ("gaussian", "mixture", "flow", "two-stage")
"""What `vaestro fit-prior` fits; diffusion is trained by `vaestro diffuse`."""

TRAINED = (*FITTED, "diffusion")
"""What is made of a run after its training, and kept in its folder."""

SOURCES = ("prior", "aggregate", *TRAINED)
"""What latents can be drawn from."""
