"""A program as one Python file.

Enters: a program, and what is written besides it. Leaves: the text of the file, by its ending.
"""

from __future__ import annotations

from symdl.emit.alone import Alone
from symdl.emit.njit.alone import file
from symdl.express.program import Program
from symdl.lower.pipeline import lower
from symdl.lower.python.lowering import PYTHON


def python_file(program: Program, wanted: Alone) -> dict[str, str]:
    """Return the text of the file; see `symdl.run.alone.Exporter`."""
    return {".py": file(lower(program, lowering=PYTHON), wanted)}
