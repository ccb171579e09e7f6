"""A VAE assembled from parts: encoder, posterior, decoder, likelihood, prior, transform."""
