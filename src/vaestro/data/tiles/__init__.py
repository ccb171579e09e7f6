"""Samples of any shape as small pictures: what reports show and .png files hold."""
