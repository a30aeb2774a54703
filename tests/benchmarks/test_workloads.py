"""Every workload at a small size: symdl and installed libraries against the reference. No times."""

from __future__ import annotations

import warnings
from functools import cache

import pytest

from .peers import runner
from .problem import Array, Workload, deviation, expected
from .workloads import ALL, ON_DEVICES

ROWS = pytest.mark.parametrize("workload", dict.fromkeys((*ALL, *ON_DEVICES)), ids=lambda w: w.name)


@cache
def wanted(workload: Workload) -> list[Array]:
    return expected(workload, workload.make(True))


def disagreement(peer: str, workload: Workload) -> float:
    return deviation(runner(peer, workload, workload.make(True)).check(), wanted(workload))


@ROWS
def test_symdl_agrees_with_the_reference(workload: Workload) -> None:
    assert disagreement("symdl", workload) < workload.tolerance


@pytest.mark.torch
@pytest.mark.parametrize("peer", ["torch", "torch graphs"])
@ROWS
def test_torch_agrees_with_the_reference(workload: Workload, peer: str) -> None:
    pytest.importorskip("torch")
    if workload.kind != "training" and peer != "torch":
        pytest.skip("graphs are of training steps")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        assert disagreement(peer, workload) < workload.tolerance


@ROWS
def test_jax_agrees_with_the_reference(workload: Workload) -> None:
    pytest.importorskip("jax")
    assert disagreement("jax step", workload) < workload.tolerance


def test_lambdify_agrees_with_the_reference() -> None:
    (workload,) = (w for w in ALL if w.name == "scalar")
    assert disagreement("lambdify", workload) < workload.tolerance


def test_a_wrong_result_is_seen() -> None:
    (workload,) = (w for w in ALL if w.name == "sigmoid")
    right = wanted(workload)
    assert deviation(right, right) == 0
    assert deviation([right[0] * 1.01], right) > workload.tolerance
    assert deviation([right[0][:-1]], right) == float("inf")
    assert deviation([right[0] * float("nan")], right) == float("inf")
