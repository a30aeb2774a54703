"""lower.c99: the passes for C."""
