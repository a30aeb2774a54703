"""run.profiling: where the time of a step or of a call goes."""
