"""run.cpu.threads: helpers of calls, workers of an epoch, how many pay."""
