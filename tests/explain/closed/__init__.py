"""Closed forms of the usual collections, each beside the form of the textbook.

``python -m tests.explain.closed`` counts how many have a closed form, and how many one no longer than that.
"""
