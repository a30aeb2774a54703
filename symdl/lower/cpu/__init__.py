"""lower.cpu: passes that only a processor wants: sample layout, vectorisation, register blocking."""
