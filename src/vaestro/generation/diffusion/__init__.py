"""Diffusion in the latent space of a trained model: latents as data, denoiser, levels, samplers."""
