"""Discrete Fourier transforms, found among sums and computed in few operations."""
