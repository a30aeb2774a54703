"""run.cpu.threads: threads of calls, workers of an epoch, how many pay."""
