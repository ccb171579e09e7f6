"""When a latent dimension is live."""

LIVE_NATS = 0.01
"""A latent dimension is live when its mean KL exceeds this many nats."""
