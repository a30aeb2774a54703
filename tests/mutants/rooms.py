"""Which tests look at which room.

Enters: the path of a module. Leaves: test files, a test of its own name first, then those that import the
module, then those of its room that notice most in the shortest time. They are a few minutes of tests; all of
them would take twenty for each mutant that nobody notices, and notice some more.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path

ROOMS = ("differentiate", "lower", "schedule", "emit", "run")
CUDA = "numba_cuda"
"""The module without which mutants of what only a graphics processor wants are left out."""
_ROOT = Path(__file__).parents[2]
_SIZES = "tests/kinds/test_block_sizes.py"
_EXACT = "tests/exact/test_passes.py"


def _in(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{folder}/test_{name}.py" for name in names)


_SCHEDULED = (
    *_in("schedule", "streamed_gradients", "backward_phases", "verify", "cost"),
    *_in("lower", "partition"),
    *_in("run", "training", "parallel", "epoch_threads"),
)
_OF_ROOM: Mapping[str, tuple[str, ...]] = {
    "differentiate": (
        *_in(
            "differentiate", "random_programs", "adjoint", "scalars", "hard_points", "second_order", "errors"
        ),
        *(_EXACT, "tests/kinds/test_guards.py", "tests/explain/test_golden_pages.py"),
    ),
    "lower": (
        *_in("lower", "agreement", "passes", "fuse", "windows", "sample_layout", "buffers", "classify"),
        *_in("emit", "source", "shapes"),
        *(_EXACT, "tests/exact/test_frozen.py", _SIZES, *_SCHEDULED),
    ),
    "schedule": (*_SCHEDULED, _SIZES),
    "emit": (
        *_in("emit", "source", "names", "parts", "shapes"),
        *("tests/lower/test_sample_layout.py", "tests/run/test_kept.py"),
        _SIZES,
        "tests/kinds/test_nan.py",
        "tests/export/test_python.py",
    ),
    "run": (
        *_in("run", "compiled", "training", "binding", "outputs", "loops", "point", "blocks", "parallel"),
        *(_SIZES, "tests/run/test_gemm.py", "tests/run/test_cache.py", "tests/kinds/test_threads.py"),
    ),
    "run/elementary": ("tests/run/test_elementary.py", "tests/accuracy", "tests/run/test_vectors.py"),
    "lower/cuda": _in("cuda", "tiles", "segments", "scans", "vectors"),
    "emit/cuda": _in("cuda", "target", "tiles", "vectors"),
    "run/cuda": _in("cuda", "target", "driver", "kept", "steps"),
}


def files_for(path: str, seconds: Mapping[str, float] | None = None) -> list[str]:
    """Return what pytest is asked for a module of the package, what notices most first.

    A test of its own name comes first, then those that import the module, then those of its room.

    Args:
        path: of the module.
        seconds: how long test files take; with them the faster ones of each of these groups come first.
    """
    room = Path(path).relative_to("symdl").parent.as_posix()
    while room not in _OF_ROOM:
        room = Path(room).parent.as_posix()
    named = sorted((_ROOT / "tests").rglob(f"test_{Path(path).stem}.py"))
    own = [p.relative_to(_ROOT).as_posix() for p in named if _fits(p, path)]
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    groups = (own, importers().get(module, ()), _OF_ROOM[room])
    order = [sorted(group, key=lambda file: (seconds or {}).get(file, 0.0)) for group in groups]
    return list(dict.fromkeys(chain(*order)))


def _fits(file: Path, path: str) -> bool:
    """Say whether a test file is for the device that a module is for."""
    return ("cuda" in file.parts) is ("cuda" in Path(path).parts)


@cache
def importers() -> Mapping[str, tuple[str, ...]]:
    """Return for each module of the package the test files that import it by its own name.

    Those that cannot run everywhere, or measure, are left out.
    """
    found: dict[str, list[str]] = {}
    for file in sorted((_ROOT / "tests").rglob("test_*.py")):
        name = file.relative_to(_ROOT).as_posix()
        if name.split("/")[1] in _ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("symdl."):
                below = [f"{node.module}.{alias.name}" for alias in node.names]
                for module in dict.fromkeys((str(node.module), *below)):
                    found.setdefault(module, []).append(name)
    return {module: tuple(dict.fromkeys(names)) for module, names in found.items()}


_ELSEWHERE = ("cuda", "benchmarks", "playground", "mutants", "acceptance")
