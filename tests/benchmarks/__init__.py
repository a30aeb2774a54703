"""Benchmarks: symdl and its peers in one run, on the same numbers. ``python -m tests.benchmarks --help``.

In reading order: `problem` says what a workload is, `workloads/` holds one file for each, `peers/` runs any
workload in one library, `worker` is the process of one peer, `session` times them in interleaved rounds,
`report` writes the results. `latency` measures starts and calls, `calls` where a step's time goes.
"""
