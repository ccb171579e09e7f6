"""New samples from a trained model: prior samples, traversals, interpolations."""
