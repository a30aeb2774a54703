"""explain.notation: how an expression is read into a formula tree."""
