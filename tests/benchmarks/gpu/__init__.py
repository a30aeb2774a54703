"""The benchmark on a graphics processor: ``make bench-gpu``, ``python -m tests.benchmarks.gpu --help``.

In reading order: `rates` measures what the device can do, `paper` counts what each row costs and predicts
times, `session` prepares all libraries at once and then times them row by row, within a budget; `report`
makes the table. Workloads and libraries are those of `tests.benchmarks`.
"""
