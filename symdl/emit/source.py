"""The text of a module.

Enters: `Lowered`, the syntax of a target and a dtype. Leaves: Python source, inspected. Templates arrange;
what they print was decided before.
"""

from __future__ import annotations

from dataclasses import dataclass

from symdl.emit.inspect import inspect_source
from symdl.emit.names import Names
from symdl.emit.operations import ARGUMENTS
from symdl.emit.printed import Printed
from symdl.emit.statements import body, comment
from symdl.emit.syntax import DIVISIONS, DTYPES, Syntax
from symdl.errors import EmitError
from symdl.lower.ir.loops import Loop, Start, statements
from symdl.lower.kernels import Kernel
from symdl.lower.lowered import Lowered
from symdl.templating import template


@dataclass(frozen=True, slots=True)
class KernelText:
    """What a template prints of a kernel."""

    name: str
    parameters: str
    signature: str
    legend: tuple[str, ...]
    body: tuple[Printed, ...]
    entry: str


def module_source(lowered: Lowered, *, syntax: Syntax, dtype: str) -> str:
    """Return the source of the module with the kernels.

    Raises:
        EmitError: an unknown dtype, or text that generated code must not hold.
    """
    _check(dtype)
    kernels = [_kernel(kernel, lowered, syntax) for kernel in lowered.kernels]
    lanes = any(isinstance(i, Loop) and i.kind == "lanes" for k in lowered.kernels for i in k.items)
    found = [s for k in lowered.kernels for s in statements(k.items)]
    ops = {node.op for s in found if not isinstance(s, Start) for node in s.body.nodes}
    wraps = any(s.whole if isinstance(s, Start) else s.body.whole for s in found) and bool(syntax.wholes)
    flags = {
        "lanes": lanes,
        "divides": bool(ops.intersection(DIVISIONS)),
        "wraps": wraps,
    }
    text = template(syntax.template).render(dtype=dtype, kernels=kernels, **flags)
    return inspect_source(text.rstrip() + "\n", syntax)


def _check(dtype: str) -> None:
    if dtype not in DTYPES:
        raise EmitError(f"there is no dtype {dtype!r}", cure=f"use one of {', '.join(DTYPES)}")


def _kernel(kernel: Kernel, lowered: Lowered, syntax: Syntax) -> KernelText:
    names = [*(a.name for a in kernel.arrays), *kernel.sizes]
    types = ["integers" if a.integer else "reals" for a in kernel.arrays]
    legend = tuple(
        f"{a.name}: {comment(lowered.program.tensors[t].name)}"
        for a, t in zip(kernel.arrays, kernel.first_arrays, strict=True)
    )
    return KernelText(
        kernel.name,
        ", ".join(names),
        ", ".join([*types, *(["whole"] * len(kernel.sizes))]),
        legend,
        body(kernel.items, syntax, Names(), lowered.program.stated),
        kernel.name if len(names) <= ARGUMENTS[-1] else f"by_row({kernel.name})",
    )
