"""classroom: what students hand in, held against the derivation; pages that carry their own check."""
