"""lower.ir: what passes work on: integer polynomials, scalar bodies, loop trees."""
