"""What totality generates: every form of every kernel, each text once.

Enters: a compiled function. Leaves: `Generated`, which say the same under other names only once (`key`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from symdl.lower.cuda.tiles import SPLIT
from symdl.run import modules
from symdl.run.compiled import Compiled
from symdl.run.cuda.choice import LARGEST
from symdl.run.cuda.kept import foundation
from symdl.run.cuda.loops import prepared
from symdl.run.cuda.products import further

ANGLES = ("math.sin(", "math.cos(", "math.tan(")
"""Functions of an angle: libdevice reduces large ones in float64, through a table in local memory."""


@dataclass(frozen=True)
class Generated:
    """A kernel for one team.

    Attributes:
        name: as in the module, such as ``kernel_0_warps``.
        team: the last part of it.
        kinds: types of its arguments.
        function: what the compiler takes.
        key: its text without comments, names by their order, and `kinds`.
    """

    name: str
    team: str
    kinds: tuple[str, ...]
    function: Callable[..., None]
    key: tuple[str, ...]

    @property
    def threads(self) -> int:
        """Threads of the largest block."""
        return LARGEST[self.team]

    @property
    def has_angles(self) -> bool:
        """Whether it computes sines."""
        return any(name in self.key[0] for name in ANGLES)


def generated(function: Compiled) -> Iterator[Generated]:
    """Yield the kernels of a function that was compiled for the target cuda."""
    built = function.built
    functions = modules.load(built.text, foundation()).kernels
    texts = {node.name: node for node in ast.parse(built.text).body if isinstance(node, ast.FunctionDef)}
    for shared in prepared(built.lowered.kernels, built.dtype):
        for team in shared.forms:
            name, kinds = f"{shared.kernel.name}_{team}", shared.kinds([1] * len(shared.kernel.sizes))
            kinds += further(built.dtype) if team in SPLIT else ()
            yield Generated(name, team, kinds, functions[name], (canonical(texts[name]), *kinds))


def canonical(function: ast.FunctionDef) -> str:
    """Return the text of a function with its own names replaced by their order."""
    nodes = list(ast.walk(function))
    own = [node.arg for node in nodes if isinstance(node, ast.arg)]
    own += [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names = {name: f"v{at}" for at, name in enumerate(dict.fromkeys(own))}

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> Any:
            return ast.Name(names.get(node.id, node.id), node.ctx)

        def visit_arg(self, node: ast.arg) -> Any:
            return ast.arg(names[node.arg])

    made = Rename().visit(function)
    made.name = "kernel"
    return ast.unparse(made)
