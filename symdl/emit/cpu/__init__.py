"""emit.cpu: statements and expressions for SIMD lanes."""
