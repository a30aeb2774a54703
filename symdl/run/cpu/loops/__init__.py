"""run.cpu.loops: the loops over the launch list, compiled: one library for all programs."""
