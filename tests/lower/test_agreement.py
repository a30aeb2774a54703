"""Compiled programs compute what the reference interpreter computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from symdl.express.program import Program

from .programs import Arrays, assert_agrees, programs


@settings(max_examples=50)
@given(programs())
def test_loops_agree_with_the_interpreter(case: tuple[Program, Arrays]) -> None:
    assert_agrees(*case)


@settings(max_examples=15)
@given(programs())
def test_single_precision(case: tuple[Program, Arrays]) -> None:
    program, values = case
    single = {k: v.astype("float32") if v.dtype == np.float64 else v for k, v in values.items()}
    assert_agrees(program, single, dtype="float32")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_code_agrees_too(dtype: str) -> None:
    found: list[tuple[Program, Arrays]] = []

    @settings(max_examples=3, derandomize=True, database=None)
    @given(programs())
    def collect(case: tuple[Program, Arrays]) -> None:
        found.append(case)

    collect()
    for program, values in found[-3:]:
        given_ = {k: v.astype(dtype) if v.dtype == np.float64 else v for k, v in values.items()}
        assert_agrees(program, given_, targets=("cpu",), dtype=dtype)
