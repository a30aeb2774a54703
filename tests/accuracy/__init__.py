"""Accuracy of the elementary functions: what makes their coefficients, and what measures them."""
