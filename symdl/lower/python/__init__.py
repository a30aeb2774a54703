"""lower.python: the least that a target must say: loops run one step at a time."""
