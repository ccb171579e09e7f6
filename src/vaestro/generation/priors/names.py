"""The names of what latents can be drawn from."""

FITTED = ("gaussian", "mixture", "flow", "maf", "two-stage")
"""What `vaestro fit-prior` fits; diffusion is trained by `vaestro diffuse`."""

TRAINED = (*FITTED, "diffusion")
"""What is made of a run after its training, and kept in its folder."""

SOURCES = ("prior", "aggregate", *TRAINED)
"""What latents can be drawn from."""

MEMBER = "diffusion/"
"""How a member of a population of diffusion priors is named: diffusion/003."""


def is_member(name: str) -> bool:
    """Whether `name` is that of a member of a population of diffusion priors."""
    return name.startswith(MEMBER) and name.removeprefix(MEMBER).isdecimal()
