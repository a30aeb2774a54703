"""explain.matrix: from index form to matrix form, and closed matrix formulas."""
