"""explain.documents: a derivation as text, LaTeX, a page, a file; several in one document."""
