"""Bridges to what others use; each imports its library when it is crossed."""
