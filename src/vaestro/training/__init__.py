"""The training engine: state, step, loop, checkpoints. It knows no kind of model."""
