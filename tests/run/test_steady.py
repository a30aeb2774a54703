"""A process that compiles many programs keeps a steady size: what nobody uses any more goes."""

from __future__ import annotations

import ast
import gc
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.emit.launch_list import LaunchList
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Step
from symdl.lower.pipeline import lower
from symdl.run import modules
from symdl.run.bound import BoundEpoch
from symdl.run.build import Built
from symdl.run.compiled import Compiled
from symdl.run.cpu.cache import objects
from symdl.run.pruning import PREFIX
from symdl.run.training import TrainingKernel
from symdl.train.model import Model
from symdl.train.prepared import Prepared

KINDS = (
    *(Model, Prepared, TrainingKernel, BoundEpoch, Compiled),
    *(Built, Lowered, LaunchList, Step, modules._Loaded),
)
PACKAGE = Path(sd.__file__).parent
FEW = {
    "templating.py:_environment",
    "run/cuda/products.py:products",
    "run/cpu/cache/objects.py:_library",
    "run/cpu/gemm/blas.py:_inside",
    "run/cpu/gemm/blas.py:product_address",
    "run/cpu/gemm/blas.py:routine_address",
    "run/cpu/gemm/dispatch.py:products",
}
"""Caches without a limit, of things that do not depend on a user's program."""


def living() -> dict[str, int]:
    gc.collect()
    found = [type(thing) for thing in gc.get_objects()]
    return {kind.__name__: found.count(kind) for kind in KINDS}


def names() -> set[str]:
    return {name for name in sys.modules if name.startswith(PREFIX)}


def use(number: int, target: Any) -> None:
    """Train, score and compile one more program, another one for each number."""
    n = sd.Dim("n")
    x, t = sd.tensor("x", (n, 2)), sd.tensor("t", (n,), dtype="int64")
    z = sd.nn.dense(x, 3, name="z")
    loss = sd.nn.cross_entropy(z, t) + (1 + number / 8) * (z**2).mean()
    model = sd.Model(loss, output=z, target=target)
    data = {"x": np.ones((4, 2)), "t": np.arange(4) % 3}
    model.fit(data, optimizer=sd.nn.SGD(0.1), batch_size=2, validation=0.5)
    model.predict(x=data["x"])
    step = sd.compile(loss, wrt="parameters", target=target, dtype="float32")
    step(**data, **model.parameters)


def test_nothing_is_left_of_models_and_compiled_functions() -> None:
    use(0, "python")
    modules._load.cache_clear()
    before, known = living(), names()
    for number in range(1, 4):
        use(number, "python")
    assert len(names() - known) >= 3  # of each program a module or two, the latest are kept
    modules._load.cache_clear()
    assert living() == before and names() == known


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_python_collects_after_lowering_as_before(
    asked: bool, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def lowered(*args: Any, **options: Any) -> Any:
        seen.append(gc.isenabled())
        if fails:
            raise KeyboardInterrupt
        return lower(*args, **options)

    monkeypatch.setattr("symdl.run.build.lower", lowered)
    (gc.enable if asked else gc.disable)()
    try:
        with pytest.raises(KeyboardInterrupt) if fails else nullcontext():
            sd.compile(sd.tensor("x", (3,)).sum(), target="python")
        assert (seen, gc.isenabled()) == ([False], asked)
    finally:
        gc.enable()


def test_numba_forgets_what_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its dispatchers, and all the code that they hold, are gone when machine code is on disk."""
    from numba.core.dispatcher import Dispatcher

    def left() -> set[str]:
        gc.collect()
        found = [thing for thing in gc.get_objects() if issubclass(type(thing), Dispatcher)]
        modules = {str(dispatcher.py_func.__module__) for dispatcher in found}
        return {name for name in modules | names() if name.startswith(PREFIX)}

    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    n = sd.Dim("n")
    x = sd.tensor("x", (n,))
    before = left()
    step = sd.compile((0.123 * sd.tanh(x) ** 2).sum())
    value = step(x=np.ones(3))
    assert list(tmp_path.glob("*.code")) and left() <= before
    assert step(x=np.ones(3)) == value == pytest.approx(3 * 0.123 * np.tanh(1) ** 2)


def test_caches_of_programs_have_a_limit() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.args.args and _unlimited(node):
                found.add(f"{path.relative_to(PACKAGE).as_posix()}:{node.name}")
    assert found == FEW
    assert modules._load.cache_parameters()["maxsize"] == modules.KEPT
    assert objects._load.cache_parameters()["maxsize"] == modules.KEPT


def _unlimited(function: ast.FunctionDef) -> bool:
    texts = {ast.unparse(decorator) for decorator in function.decorator_list}
    return bool(texts & {"cache", "functools.cache", "lru_cache(maxsize=None)"})
