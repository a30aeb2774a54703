"""``symdl info``: what is installed.

Enters: nothing. Leaves: the versions of everything that results may depend on, for reports of faults.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import symdl
from symdl.cli.screen import show_table
from symdl.run.modules import folder

HELP = """Show versions of symdl and of what it uses.

Put its output into reports of faults.

Example:

\b
  symdl info
"""
_NEEDED = ("sympy", "numpy", "numba", "llvmlite", "scipy", "jinja2")
_FOR_DEVELOPERS = frozenset({"all", "bench", "bench-gpu", "cuda-test", "dev", "examples", "peers", "test"})


def run() -> None:
    """Print a table of versions."""
    show_table(("", ""), list(_rows()))


def _rows() -> Iterator[tuple[str, str]]:
    yield "symdl", symdl.__version__
    yield (
        platform.python_implementation(),
        f"{platform.python_version()}, {platform.system()} {platform.machine()}",
    )
    yield "cores", str(os.cpu_count())
    for name in _NEEDED:
        yield name, _version(name) or "missing"
    for extra, names in _extras().items():
        told = ", ".join(f"{name} {_version(name) or 'missing'}" for name in names)
        yield f"[{extra}]", told
    yield "kernels", str(folder())


def _extras() -> dict[str, list[str]]:
    """Return what each extra brings, as the installed package says."""
    found: dict[str, list[str]] = {}
    try:
        lines = requires("symdl") or []
    except PackageNotFoundError:  # it is used from a folder
        lines = []
    for line in lines:
        name, extra = re.match(r"[\w.-]+", line), re.search(r"""extra == ['"]([\w-]+)['"]""", line)
        if name and extra and extra[1] not in _FOR_DEVELOPERS and name[0] != "symdl":
            found.setdefault(extra[1], []).append(name[0])
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
