"""Posterior, likelihoods, priors and the objective, in nats per sample."""
