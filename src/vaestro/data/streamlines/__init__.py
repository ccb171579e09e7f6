"""Tractography streamlines: files, resampling, orientation, covariates and procedural bundles."""
