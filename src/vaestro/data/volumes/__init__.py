"""Volumes: grids of voxels from files, and macromolecules rendered as such."""
