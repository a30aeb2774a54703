"""Lowered programs are kept on disk: found again where all that they depend on is the same, only there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.lower.pipeline import lower
from symdl.run import kept
from symdl.run.compiled import Compiled
from symdl.targets import CUDA, PYTHON

X = np.random.default_rng(0).normal(size=(3, 4))


@pytest.fixture
def lowered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Say how many programs were lowered since it was asked last."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("SYMDL_KEEP_PROGRAMS", "1")
    found: list[object] = []

    def noted(program: Any, **options: Any) -> Any:
        found.append(program)
        return lower(program, **options)

    monkeypatch.setattr("symdl.run.build.lower", noted)

    def taken() -> int:
        count = len(found)
        found.clear()
        return count

    return taken


def network(name: str = "W") -> sd.Tensor:
    W = sd.parameter(name, (4, 2))
    return (sd.tanh(sd.tensor("x", (sd.Dim("n"), 4)) @ W) ** 2).mean()


def gradient(loss: sd.Tensor, **options: Any) -> Compiled[Any]:
    return sd.compile(loss, wrt="parameters", target="python", **options)


def test_an_equal_program_is_lowered_once(lowered: Callable[[], int]) -> None:
    W = np.ones((4, 2))
    first = gradient(network())
    assert lowered() == 1
    second = gradient(network())
    assert lowered() == 0
    (value, grads), (again, others) = first(x=X, W=W), second(x=X, W=W)
    assert value == again
    assert np.array_equal(grads["W"], others["W"])
    assert second.source == first.source
    assert second.structures == first.structures
    assert second.signature == first.signature


def test_what_differs_is_lowered_anew(lowered: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    gradient(network())
    assert lowered() == 1
    gradient(network("V"))
    gradient(network(), dtype="float32")
    gradient(network(), schedule="naive")
    sd.compile(network(), target="python")
    assert lowered() == 4
    monkeypatch.setattr(kept, "package", lambda: "another version")
    gradient(network())
    assert lowered() == 1
    monkeypatch.setattr(kept, "FORMAT", kept.FORMAT + 1)
    gradient(network())
    assert lowered() == 1


def test_nothing_is_kept_where_nobody_wants_it(
    lowered: Callable[[], int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gradient(network())
    files = list((tmp_path / "kernels").glob("*.lowered"))
    for name, value in {"SYMDL_KEEP_PROGRAMS": "0", "SYMDL_CHECK": "1", "SYMDL_SHOW": "passes"}.items():
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            gradient(network())
    assert lowered() == 4
    assert list((tmp_path / "kernels").glob("*.lowered")) == files


def test_constants_are_part_of_a_program(lowered: Callable[[], int]) -> None:
    for values in ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0]):
        f = sd.compile(sd.tensor("x", (2,)) * sd.constant(np.array(values)), target="python")
        assert f(x=np.ones(2)).tolist() == values
    assert lowered() == 2


def test_users_functions_and_passes_have_no_key(lowered: Callable[[], int]) -> None:
    own = sd.function("own", derivative=lambda x: x, numpy=np.sin)
    x = sd.tensor("x", (3,))
    program = Compiled(sd.compile(own(x), target="python").program, target="python").program
    assert kept.key_of(program, PYTHON, {}) is None
    plain = sd.compile(x * 2, target="python").program
    assert kept.key_of(plain, PYTHON, {}) is not None
    own_pass = replace(CUDA.lowering.equations[0], apply=lambda state: state)
    changed = replace(PYTHON.lowering, loops=(own_pass,))
    assert kept.key_of(plain, replace(PYTHON, lowering=changed), {}) is None


def test_targets_have_keys_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_KEEP_PROGRAMS", "1")
    program = sd.compile(sd.tensor("x", (3,)) * 2, target="python").program
    assert CUDA.atomics is not None
    targets = (PYTHON, CUDA, replace(CUDA, lowering=CUDA.atomics), replace(PYTHON, syntax=CUDA.syntax))
    assert len({kept.key_of(program, target, {}) for target in targets}) == 4


@pytest.mark.parametrize("damage", ["cut", "changed", "exchanged", "empty", "foreign"])
def test_a_damaged_file_is_made_again(lowered: Callable[[], int], tmp_path: Path, damage: str) -> None:
    gradient(network())
    gradient(network("V"))
    one, other = (tmp_path / "kernels").glob("*.lowered")
    right = {path: path.read_bytes() for path in (one, other)}
    for path, data in right.items():
        match damage:
            case "cut":
                path.write_bytes(data[:-7])
            case "changed":
                path.write_bytes(data[:-7] + b"?" + data[-6:])
            case "exchanged":
                path.write_bytes(right[other if path == one else one])
            case "empty":
                path.write_bytes(b"")
            case "foreign":
                path.chmod(0o666)
    assert lowered() == 2
    gradient(network())
    gradient(network("V"))
    assert lowered() == 2
    if damage != "foreign":
        assert {path: path.read_bytes() for path in right} == right
