"""lower.equations: passes over frozen equations."""
