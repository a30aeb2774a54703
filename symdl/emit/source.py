"""The text of a module.

Enters: `Lowered`, the syntax of a target and a dtype. Leaves: Python source, inspected. Templates arrange;
what they print was decided before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdl.emit.inspect import inspect_source
from symdl.emit.names import Names
from symdl.emit.printed import Printed
from symdl.emit.statements import body, comment
from symdl.emit.syntax import DIVISIONS, DTYPES, Syntax
from symdl.errors import EmitError
from symdl.lower.ir.loops import Loop, Start, statements
from symdl.lower.kernels import Kernel
from symdl.lower.lowered import Lowered
from symdl.templating import template

CHECK, PRODUCT, REPEAT, SHIFT, COMBINE, TOTAL, KERNEL = range(7)
PICK_REALS, PICK_INTEGERS, TAKE_REALS, TAKE_INTEGERS, COMBINE_INTEGERS = range(7, 12)
"""Operation codes of the call table."""
FIRST_PLACE = 4
"""A row of a kernel: code, number, how many arrays it has, how many arguments it is called with, places."""
ARGUMENTS = (8, 16, 32, 64)
"""With how many arguments kernels are called: those after their own are ignored.

One with more finds them itself.
"""

APART = 16
"""Integers between two that different threads change: two cache lines, since processors fetch pairs."""
PATIENCE = 1 << 15
"""How often a helper looks for the next call until it sleeps: about a millisecond."""


_WORDS = {"table": 3, "vector": 2, "numbers": 2, "whole": 1}
"""How many numbers an argument of the loop over calls is: an array is its address and its shape."""
_FRAMES = {
    "once": ("table", "vector", "vector", "numbers", "whole"),
    "share": ("table", "table", "table", "vector", "vector", "numbers", "whole", "vector", "whole"),
    "stream": ("table", *(["vector"] * 5), "numbers", "whole", "vector", "vector", "whole"),
    "epoch": ("table", "table", "vector", "vector", "numbers", "whole", "vector", "whole", "whole", "vector"),
}
"""The arguments of the loops that Python calls."""


@dataclass(frozen=True, slots=True)
class KernelText:
    """What a template prints of a kernel."""

    name: str
    parameters: str
    signature: str
    arguments: tuple[str, ...]
    code: int
    legend: tuple[str, ...]
    body: tuple[Printed, ...]
    several: bool


def module_source(lowered: Lowered, *, syntax: Syntax, dtype: str, training: bool = False) -> str:
    """Return the source of the module with the kernels; if the target has no other, with the loop over calls.

    With `training` that includes the loop over batches.

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
        "training": training,
        "lanes": lanes,
        "divides": bool(ops.intersection(DIVISIONS)),
        "wraps": wraps,
    }
    return _printed(syntax.template, syntax, dtype, kernels=kernels, **flags)


def steps_source(lowered: Lowered, *, syntax: Syntax, dtype: str, training: bool) -> str:
    """Return the source of the loops over calls, blocks and batches that a program needs.

    It is one for all training, one for all programs with samples, one for all functions of points, one for
    all others; and nothing where these loops are in the module with the kernels.

    Raises:
        EmitError: an unknown dtype.
    """
    _check(dtype)
    if not syntax.steps:
        return ""
    points, parts = bool(lowered.points) and not training, bool(lowered.batch) and not training
    names = ["epoch"] if training else ["share"] if parts else ["once", *(["stream"] if points else [])]
    more = {"entries": {name: _in_frame(_FRAMES[name]) for name in names}}
    listed = ", ".join(f"{name}_entry" for name in names)
    kinds = {"training": training, "points": points, "parts": parts}
    return _printed(syntax.steps, syntax, dtype, listed=listed, **kinds, **more)


def _in_frame(forms: Sequence[str]) -> list[str]:
    """Return for each argument the expression that finds it in the one vector that Python passes."""
    found, at = [], 0
    for form in forms:
        found.append(f"frame[{at}]" if form == "whole" else f"{form}_at(frame, {at})")
        at += _WORDS[form]
    return found


def _check(dtype: str) -> None:
    if dtype not in DTYPES:
        raise EmitError(f"there is no dtype {dtype!r}", cure=f"use one of {', '.join(DTYPES)}")


def _printed(name: str, syntax: Syntax, dtype: str, **more: object) -> str:
    codes = (PICK_REALS, PICK_INTEGERS, TAKE_REALS, TAKE_INTEGERS)
    text = template(name).render(
        dtype=dtype,
        apart=APART,
        patience=PATIENCE,
        check_code=CHECK,
        product_code=PRODUCT,
        repeat_code=REPEAT,
        shift_code=SHIFT,
        kernel_code=KERNEL,
        batch_codes=[*codes, COMBINE, COMBINE_INTEGERS, TOTAL],
        real_array=syntax.real_array,
        integer_array=syntax.integer_array,
        total_array=syntax.total_array,
        **more,
    )
    return inspect_source(text.rstrip() + "\n", syntax)


_CACHED = 6144
"""Elements of a strip of a transposed matrix."""


def tiles_source(dtype: str, *, rows: int, lanes: int, widths: Sequence[int], longest: int) -> str:
    """Return the source of the matrix product in tiles of so many rows, and of vectors of so many `lanes`.

    Transposed right matrices may have `longest` columns.
    """
    parts = [part for part in (lanes // 2, lanes // 4) if part > 1]
    sizes = {"rows": rows, "lanes": lanes, "parts": parts, "longest": longest, "cached": _CACHED}
    return template("cpu/tiles.jinja").render(dtype=dtype, widths=widths, **sizes)


def _kernel(kernel: Kernel, lowered: Lowered, syntax: Syntax) -> KernelText:
    names = [*(a.name for a in kernel.arrays), *kernel.sizes]
    several = len(names) > ARGUMENTS[-1] and syntax.steps
    places = [f"line[{at}]" for at in range(FIRST_PLACE, FIRST_PLACE + len(names))]
    forms = [syntax.integer_array if a.integer else syntax.real_array for a in kernel.arrays]
    arrays = [form.format(place=f"pointers[{place}]") for form, place in zip(forms, places, strict=False)]
    sizes = [f"sizes[{place}]" for place in places[len(kernel.arrays) :]]
    types = ["integers" if a.integer else "reals" for a in kernel.arrays]
    legend = tuple(
        f"{a.name}: {comment(lowered.program.tensors[t].name)}"
        for a, t in zip(kernel.arrays, kernel.first_arrays, strict=True)
    )
    return KernelText(
        kernel.name,
        ", ".join(names),
        ", ".join([*types, *(["whole"] * len(kernel.sizes))]),
        (*arrays, *sizes),
        int(kernel.name.removeprefix("kernel_")),
        legend,
        body(kernel.items, syntax, Names(), lowered.program.stated),
        bool(several),
    )
