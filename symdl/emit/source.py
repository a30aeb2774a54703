"""The text of a module.

Enters: `Lowered`, the syntax of a target and a dtype. Leaves: Python source, inspected. Templates arrange;
what they print was decided before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from symdl.emit.inspect import inspect_source
from symdl.emit.names import Names, names_of, put_in, reserved
from symdl.emit.operations import ARGUMENTS
from symdl.emit.printed import Printed
from symdl.emit.scalar import MATRIX_NAMES
from symdl.emit.statements import body, comment
from symdl.emit.syntax import DIVISIONS, Syntax, Types
from symdl.errors import EmitError
from symdl.lower.ir.integers import text as text_of
from symdl.lower.ir.loops import FrozenProgram, KernelItem, Loop, Start, Stated, statements
from symdl.lower.ir.scalars import DECOMPOSITIONS, MATRIX, ORDERS, Routine
from symdl.lower.ir.storage import element_type
from symdl.lower.kernels import Array, Kernel, KernelCall
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


_EVERYWHERE = {"determinant", "invert", "log_determinant"}
"""Functions of matrices that every module has."""


def module_source(lowered: Lowered, *, syntax: Syntax, dtype: str) -> str:
    """Return the source of the module with the kernels.

    Raises:
        EmitError: an unknown dtype, or text that generated code must not hold.
    """
    return (syntax.inspect or inspect_source)(printed_source(lowered, syntax, dtype), syntax)


def printed_source(lowered: Lowered, syntax: Syntax, dtype: str, *, marked: bool = False) -> str:
    """Return the same before it is inspected; if `marked`, lines begin with `symdl.emit.statements.MARK`."""
    _check(dtype, syntax.types)
    stored = _stored(lowered, syntax)
    found = [s for k in lowered.kernels for s in statements(k.items)]
    used = [node for s in found if not isinstance(s, Start) for node in s.body.nodes]
    routines = sorted({node.value.name for node in used if isinstance(node.value, Routine)})
    calls, taken = _calls(lowered), reserved(syntax.imports, syntax.own) | frozenset(routines)
    equations = {e.number: e for e in lowered.program.equations}
    tables: dict[str, Mapping[str, str]] = {}
    kernels: list[KernelText] = []
    for at, kernel in enumerate(lowered.kernels):
        table = names_of(kernel, calls[at][0].sizes, lowered.program, equations, taken)
        legend = _legend(kernel, calls[at], lowered.program, table)
        forms = list(_texts(kernel, lowered, syntax, legend, marked))
        tables |= {form.name: table for form in forms}
        kernels += forms
    lanes = any(isinstance(i, Loop) and i.kind == "lanes" for k in lowered.kernels for i in k.items)
    ops = {node.op for node in used}
    wraps = any(s.whole if isinstance(s, Start) else s.body.whole for s in found) and bool(syntax.wholes)
    flags: dict[str, object] = {
        "lanes": lanes,
        "routines": routines,
        "brought": syntax.brought,
        "functions": _functions({MATRIX_NAMES[op] for op in ops.intersection(MATRIX)}, syntax),
        "stored": stored,
        "divides": bool(ops.intersection(DIVISIONS)),
        "wraps": wraps,
        **syntax.of_dtype.get(dtype, {}),
        "matrices": bool(ops.intersection(MATRIX) - {*DECOMPOSITIONS, *ORDERS}),
        "decomposes": bool(ops.intersection(DECOMPOSITIONS)),
        "orders": bool(ops.intersection(ORDERS)),
        "positions": syntax.types.positions,
    }
    text = template(syntax.template).render(dtype=dtype, kernels=kernels, **flags)
    return put_in(text.rstrip() + "\n", tables, syntax.spelling.words)


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of matrices that a module has from another one.

    What makes them for a type of reals has names that end in ``_of``.
    """

    module: str
    names: tuple[str, ...]


def _functions(used: Collection[str], syntax: Syntax) -> tuple[Functions, ...]:
    """Return where functions of matrices come from that not every module has.

    Raises:
        EmitError: the target has no code for one.
    """
    found: list[Functions] = []
    used = set(used) - _EVERYWHERE
    for module, offered in syntax.imports.items():
        plain, made = used & offered, {name for name in used if f"{name}_of" in offered}
        found += [Functions(module, tuple(sorted(names))) for names in (plain, made) if names]
    missing = sorted(used - syntax.own - {name for one in found for name in one.names})
    if missing:
        raise EmitError(
            f"there is no code for {syntax.name} that computes {missing[0].replace('_', ' ')} of a matrix",
            cure="compile for target='cpu', or compute them beforehand and pass them as an input",
        )
    return tuple(found)


def _check(dtype: str, types: Types) -> None:
    if dtype not in types.reals:
        raise EmitError(f"there is no dtype {dtype!r}", cure=f"use one of {', '.join(types.reals)}")


def _stored(lowered: Lowered, syntax: Syntax) -> list[str]:
    """Return the functions that read narrow types, which not every module has.

    Raises:
        EmitError: the target cannot read one.
    """
    used = {array.storage for kernel in lowered.kernels for array in kernel.arrays if array.storage}
    for storage in sorted(used):
        if storage not in syntax.stored:
            raise EmitError(
                f"the target {syntax.name} does not read {storage}",
                cure="leave storage out, or compile for target='cpu' or 'python'",
            )
    names = {name for storage in used for name in syntax.stored[storage]}
    return sorted(names & {name for offered in syntax.imports.values() for name in offered})


def _calls(lowered: Lowered) -> dict[int, list[KernelCall]]:
    """Return the calls of each kernel, in order."""
    found: dict[int, list[KernelCall]] = {}
    for call in lowered.calls:
        if isinstance(call, KernelCall):
            found.setdefault(call.kernel, []).append(call)
    return found


def _legend(
    kernel: Kernel, calls: Sequence[KernelCall], program: FrozenProgram, table: Mapping[str, str]
) -> tuple[str, ...]:
    """Return what names do not tell: tensors with other names, sizes that have none, further calls."""
    told = []
    if len(calls) > 1:
        told.append(f"{len(calls)} calls share this kernel; names and comments are those of the first.")
    for array, tensor in zip(kernel.arrays, kernel.first_arrays, strict=True):
        told += _unlike(table[str(array.slot)], program.tensors[tensor].name)
    for slot, tensor in kernel.replaced:
        told.append(f"{table[str(slot)]}: {comment(program.tensors[tensor].name)} until it is computed")
    for size, value in zip(kernel.sizes, calls[0].sizes, strict=True):
        told += _unlike(table[str(size)], _STEP.sub("step", text_of(value)))
    return tuple(told)


_STEP = re.compile(r"@\d+")
"""How the present step of a recurrence is written."""


def _unlike(name: str, known: str) -> list[str]:
    """Return what says for what a name stands, if that is not the same but for dots and blanks."""
    return [] if re.sub(r"[. ]", "_", known) == name else [f"{name}: {comment(known)}"]


def _texts(
    kernel: Kernel, lowered: Lowered, syntax: Syntax, legend: tuple[str, ...], marked: bool
) -> Iterator[KernelText]:
    """Yield a kernel in each of its forms; most targets have one."""
    names = [str(name) for name in (*(a.slot for a in kernel.arrays), *kernel.sizes)]
    types = [_elements(array) for array in kernel.arrays]
    forms = (syntax.forms or _one)(kernel.items, syntax, Names(marked=marked), lowered.program.stated)
    for suffix, nodes in forms.items():
        name = f"{kernel.name}{suffix}"
        yield KernelText(
            name,
            syntax.parameters(kernel)
            if syntax.parameters
            else ", ".join((*names, *syntax.further.get(suffix, ()))),
            ", ".join([*types, *(["whole"] * len(kernel.sizes))]),
            legend,
            nodes,
            name if len(names) <= ARGUMENTS[-1] else f"by_row({name})",
        )


def _elements(array: Array) -> str:
    """Return the type of an array, for a signature."""
    if array.storage:
        return f"types.CPointer(types.{element_type(array.storage)})"
    return "integers" if array.integer else "reals"


def _one(
    items: tuple[KernelItem, ...], syntax: Syntax, names: Names, stated: Mapping[int, Stated]
) -> dict[str, tuple[Printed, ...]]:
    return {"": body(items, syntax, names, stated)}
