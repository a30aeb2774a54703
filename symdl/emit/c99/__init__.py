"""emit.c99: code in C99."""
