"""Which tests look at which room.

Enters: the path of a module. Leaves: test files, a test of its own name first, then those that notice most in
the shortest time. They are a few minutes of tests; all of them would take twenty for each mutant that nobody
notices, and notice some more.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        *(_EXACT, _SIZES, *_SCHEDULED),
    ),
    "schedule": (*_SCHEDULED, _SIZES),
    "emit": (*_in("emit", "source", "names", "parts", "shapes"), _SIZES, "tests/export/test_python.py"),
    "run": (
        *_in("run", "compiled", "training", "binding", "outputs", "loops", "point", "blocks", "parallel"),
        *(_SIZES, "tests/run/test_gemm.py", "tests/run/test_cache.py", "tests/kinds/test_threads.py"),
    ),
    "run/elementary": ("tests/run/test_elementary.py", "tests/accuracy", "tests/run/test_vectors.py"),
    "lower/cuda": _in("cuda", "tiles", "segments", "scans", "vectors"),
    "emit/cuda": _in("cuda", "target", "tiles", "vectors"),
    "run/cuda": _in("cuda", "target", "driver", "kept", "steps"),
}


def files_for(path: str) -> list[str]:
    """Return what pytest is asked for a module of the package: a test of its own name first."""
    room = Path(path).relative_to("symdl").parent.as_posix()
    while room not in _OF_ROOM:
        room = Path(room).parent.as_posix()
    named = sorted((_ROOT / "tests").rglob(f"test_{Path(path).stem}.py"))
    cuda = "cuda" in Path(path).parts
    own = [p.relative_to(_ROOT).as_posix() for p in named if ("cuda" in p.parts) is cuda]
    return list(dict.fromkeys([*own, *_OF_ROOM[room]]))
