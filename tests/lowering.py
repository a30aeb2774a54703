"""Lowering for the processor, which most tests look at."""

from __future__ import annotations

from functools import partial

from symdl.lower import pipeline
from symdl.lower.cpu.lowering import CPU

lower = partial(pipeline.lower, lowering=CPU, check=True)
