"""run.c99: programs as files in C99."""
