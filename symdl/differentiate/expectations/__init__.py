"""Expectations over normal random tensors, by rewriting in the index language."""
