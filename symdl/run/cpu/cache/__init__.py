"""run.cpu.cache: generated modules and machine code on disk."""
