"""Fitted invertible maps between natural units and model space."""
