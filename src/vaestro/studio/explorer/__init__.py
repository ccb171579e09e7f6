"""The latent explorer: latents in, pictures out, while a slider is being moved."""
