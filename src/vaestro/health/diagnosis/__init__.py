"""The doctor: what is wrong with a trained model, told from the model, its data and its loss."""
