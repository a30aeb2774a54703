"""Generated kernels with one thing broken: the simulated device or the numbers say so.

`test_mutations` breaks the PTX of kernels written by hand; here the text that symdl generates is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.run import modules
from symdl.run.cuda import choice
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.lines import Entry, entry_of, located
from tests.cuda.ptx.types import PtxError
from tests.cuda.toolchain import needs_compiler

pytestmark = needs_compiler
RNG = np.random.default_rng(11)
n = sd.Dim("n")


def layer() -> tuple[Any, dict[str, Any]]:
    X, W, b = sd.tensor("X", (n, 70)), sd.parameter("W", (70, 18)), sd.parameter("b", (18,))
    given = {"X": RNG.normal(size=(17, 70)), "W": RNG.normal(size=(70, 18)), "b": RNG.normal(size=18)}
    return sd.tanh(X @ W + b), given


def total(axis: int, width: int, rows: int) -> Callable[[], tuple[Any, dict[str, Any]]]:
    return lambda: (sd.tensor("X", (n, width)).sum(axis=axis), {"X": RNG.normal(size=(rows, width))})


BARRIER = r" +cuda\.syncthreads\(\)\n"
BROKEN = {
    "barrier before a panel is overwritten": (layer, BARRIER + r"( +for part in range)", r"\1"),
    "barrier before a panel is read": (layer, BARRIER + r"( +first \+=)", r"\1"),
    "a panel is summed before it is there": (layer, r"first > 0", "first >= 0"),
    "the last panel is not summed": (layer, r"first < size_k \+ \d+", "first < size_k"),
    "one row too many": (layer, r"if i < n and j", "if i <= n and j"),
    "one element of the inner axis too many": (layer, r"and k < size_k", "and k <= size_k"),
    "neighbours are not added": (layer, r" +add_slices\(sums, left\)\n", ""),
    "combined twice in a warp": (total(1, 40, 3), r"(\w+) = warp_sum\(\1\)", r"\1 = warp_sum(warp_sum(\1))"),
    "combined twice in a block": (
        total(1, 300, 2),
        r"(\w+) = block_sum\(\1, room\)",
        r"\1 = block_sum(block_sum(\1, room), room)",
    ),
    "combined twice in a column": (
        total(0, 33, 40),
        r"(\w+) = column_sum\(\1, room\)",
        r"\1 = column_sum(column_sum(\1, room), room)",
    ),
    "not combined at all": (total(1, 40, 3), r" +(\w+) = warp_sum\(\1\)\n", ""),
}

LINES = {
    "barrier before a panel is read": {0: "if first > 0:"},
    "one row too many": {0: "t2[i * size_j + j] = t2_ij"},
}
"""Lines that some of their findings name."""


def outcome(made: Any, given: dict[str, Any]) -> tuple[SimulatedDevice, bool]:
    """Return the device on which a program ran, and whether its numbers are right."""
    device = SimulatedDevice()
    found = sd.compile(made, target=on(device))(**given)
    return device, bool(np.allclose(found, sd.compile(made)(**given), rtol=1e-12, atol=1e-12))


ENOUGH = {"slices": 10**9, "tiles": 1}
"""From how many tiles on large ones are taken."""
CASES = [(name, "slices") for name in BROKEN]
CASES += [
    (name, "tiles") for name, (program, *_) in BROKEN.items() if program is layer and "neighbours" not in name
]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_it_is_found(name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, pattern, replacement = BROKEN[name]
    monkeypatch.setattr(choice, "_ENOUGH", ENOUGH[form])
    made, given = program()
    device, right = outcome(made, given)
    assert right and not device.findings
    load = modules.load

    def broken(source: str, foundation: tuple[str, ...] = ()) -> Any:
        changed = re.sub(pattern, replacement, source)
        assert changed != source
        return load(changed, foundation)

    monkeypatch.setattr(modules, "load", broken)
    device, right = outcome(made, given)
    assert device.findings or not right
    assert all("t1[i,j] = sum_{k}" in found.equation for found in device.findings)
    for number, line in LINES.get(name, {}).items():
        assert f": {line}\n" in str(located(device.findings[number]))


def test_names_in_ptx_tell_the_function() -> None:
    name = "_ZN3a_bB2v14sortB7B38cE_5E8int64_2a10float32_2ajxd"
    kinds = ("int64*", "float32*", "uint32", "int64", "float64")
    assert entry_of(name) == Entry("a_b", "sort", kinds)
    for other in ("kernel", "_ZN3a_b"):
        with pytest.raises(PtxError, match="no name"):
            entry_of(other)
