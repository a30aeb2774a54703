"""lower.freeze: from SymPy to frozen equations. No later room of this stage knows SymPy."""
