"""Expressions and tensors as plain data: numbers, texts, lists and dictionaries, as JSON has them.

Enters: tensors and what defines them. Leaves: `Graph`, from which the same tensors can be made again in
another process, by another version, without running anything that a file says. `rows` does so for
expressions, `graphs` for tensors, `programs` for programs, `pickling` for what Python's `pickle` and `copy`
ask.
"""

from symdl.express.portable.graphs import Data, Graph, read, written
from symdl.express.portable.programs import ProgramData, read_program, written_program
from symdl.express.portable.rows import Rows, expressions

__all__ = [
    "Data",
    "Graph",
    "ProgramData",
    "Rows",
    "expressions",
    "read",
    "read_program",
    "written",
    "written_program",
]
