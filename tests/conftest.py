"""Settings for all tests: Hypothesis profiles, one BLAS thread per test process, no windows."""

from __future__ import annotations

import os
import zlib
from collections import Counter

# Before NumPy is imported: several test processes run at once, and each would start one BLAS
# thread per core.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# Tests change passes and constants under programs that are equal; those of what is kept turn it on.
os.environ.setdefault("SYMDL_KEEP_PROGRAMS", "0")

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# Deriving and compiling make the first example slow; that says nothing about the code under test.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.register_profile(
    "ci", settings.get_profile("default"), derandomize=True, print_blob=True, database=None
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update``, which accepts changed golden files: read the difference then."""
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


SHARES = {
    "cuda/test_totality.py": 8,
    "cuda/test_generated.py": 8,
    "totality/test_totality.py": 4,
    "totality/test_batched.py": 4,
    "exact/test_totality.py": 4,
    "export/test_totality.py": 5,
    "kinds/test_results_memory.py": 4,
    "explain/test_closed_forms.py": 3,
    "explain/test_golden_pages.py": 3,
    "express/test_portable.py": 3,
    "express/test_pieces.py": 3,
    "interop/test_to_onnx.py": 3,
    "benchmarks/test_workloads.py": 3,
    "run/test_platforms.py": 3,
    "examples/test_part_two.py": 2,
    "kinds/test_block_sizes.py": 2,
    "nn/test_recurrent.py": 2,
}
"""Files of tests of which one in so many runs where time is short: where CI is set."""
MANY = 60
"""Of a file with more tests than that every second one runs there."""
WHOLE = frozenset({"tests/test_structure.py", "cuda/test_opcodes.py"})
"""Files whose many tests take no time."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests out where time is short, chosen by their names, so that a failure comes again."""
    if not os.environ.get("CI"):
        return
    files = Counter(map(_file, items))
    usual = {file: 2 if count > MANY and file not in WHOLE else 1 for file, count in files.items()}
    shares = usual | {file: SHARES[file] for file in files.keys() & SHARES.keys()}
    left = {item for item in items if zlib.crc32(item.name.encode()) % shares[_file(item)]}
    config.hook.pytest_deselected(items=list(left))
    items[:] = [item for item in items if item not in left]


def _file(item: pytest.Item) -> str:
    return f"{item.path.parent.name}/{item.path.name}"
