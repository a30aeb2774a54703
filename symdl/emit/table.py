"""The call table.

Enters: `Lowered`. Leaves: `Table`, the calls as numbers: one row a call, with the positions of its buffers,
sizes and factors; and a listing of it for people. The table is data, so programs of the same structures
share one compiled module, however many layers they have.
"""

from __future__ import annotations

from dataclasses import dataclass

from symdl.emit.source import CHECK, FIRST_KERNEL, PRODUCT
from symdl.emit.statements import comment
from symdl.lower.body import Body, Node
from symdl.lower.calls import Call, CheckCall, KernelCall, Matrix, ProductCall
from symdl.lower.pipeline import Lowered
from symdl.lower.poly import ONE, ZERO, Poly, text


@dataclass(frozen=True, slots=True)
class Table:
    """The calls.

    Attributes:
        rows: one a call, padded with zeros to one length: code, then positions.
        sizes: what the positions of sizes refer to, evaluated when the symbolic sizes are known.
        factors: the same for scale factors.
    """

    rows: tuple[tuple[int, ...], ...]
    sizes: tuple[Poly, ...]
    factors: tuple[Body, ...]


def table(lowered: Lowered, *, checks: bool = True) -> Table:
    """Return the table; without `checks` it does not test positions read from data."""
    writer = _Writer()
    calls = [c for c in lowered.calls if checks or not isinstance(c, CheckCall)]
    rows = [writer.row(call) for call in calls]
    width = max(map(len, rows), default=1)
    padded = tuple((*row, *([0] * (width - len(row)))) for row in rows)
    return Table(padded, tuple(writer.sizes), tuple(writer.factors))


class _Writer:
    def __init__(self) -> None:
        self.sizes: dict[Poly, int] = {}
        self.factors: dict[Body, int] = {}

    def size(self, poly: Poly) -> int:
        """Return the position of a size."""
        return self.sizes.setdefault(poly, len(self.sizes))

    def row(self, call: Call) -> tuple[int, ...]:
        """Return the row of a call."""
        if isinstance(call, CheckCall):
            return CHECK, call.buffer, self.size(call.count), self.size(call.below)
        if isinstance(call, KernelCall):
            return FIRST_KERNEL + call.kernel, *call.buffers, *map(self.size, call.sizes)
        matrices = (call.left, call.right, call.result)
        leads = [m.operand.lead for m in matrices]
        batch = (*call.batch, *([ONE] * (2 - len(call.batch))))
        offsets = [m.operand.offset for m in matrices]
        steps = [self._steps(m) for m in matrices]
        sizes = (call.m, call.n, call.k, *leads, *batch, *offsets)
        turned = call.left.operand.transposed + 2 * call.right.operand.transposed
        return (
            PRODUCT,
            *(m.buffer for m in matrices),
            self.factors.setdefault(call.alpha, len(self.factors)),
            turned,
            *map(self.size, (*sizes, *(s[0] for s in steps), *(s[1] for s in steps))),
        )

    def _steps(self, matrix: Matrix) -> tuple[Poly, Poly]:
        steps = (*matrix.operand.steps, ZERO, ZERO)
        return steps[0], steps[1]


def listing(lowered: Lowered) -> str:
    """Return the calls for people: one comment line each, and the equations it computes."""
    names = _buffer_names(lowered)
    out = ["# The calls, in order."]
    for call in lowered.calls:
        if isinstance(call, CheckCall):
            out.append(f"# check 0 <= {names[call.buffer]} < {text(call.below)}")
            continue
        if isinstance(call, ProductCall):
            out.append(f"# {_product_text(call, names)}")
        else:
            kernel = lowered.kernels[call.kernel]
            arrays = ", ".join(names[b] for b in call.buffers)
            sizes = ", ".join(map(text, call.sizes))
            out.append(f"# {kernel.name}({arrays}{'; ' if sizes else ''}{sizes})")
        for equation in call.equations:
            out.append(f"#     {comment(lowered.program.describe(equation))}")
    return "\n".join(out) + "\n"


def _buffer_names(lowered: Lowered) -> list[str]:
    return [comment(lowered.program.tensors[b.tensor].name) for b in lowered.plan.buffers]


def _product_text(call: ProductCall, names: list[str]) -> str:
    left, right = (names[m.buffer] + ("ᵀ" if m.operand.transposed else "") for m in (call.left, call.right))
    scale = "" if call.alpha.result == Node("const", (), 1) else "factor * "
    sizes = " x ".join(text(s) for s in (call.m, call.k, call.n))
    batch = "".join(f", for each of {text(s)}" for s in call.batch)
    return f"{names[call.result.buffer]} = {scale}{left} @ {right}  ({sizes}{batch})"
