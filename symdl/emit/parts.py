"""The kernels of a module, each as a module of its own.

Enters: the source of a generated module. Leaves: `Part`s, which are compiled and kept on disk one by one: a
kernel that another program has too is found, whatever else is in the two modules. In its part a kernel has
no number, and the imports are those that it needs: its text depends on nothing else.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass

_KERNEL = re.compile(r"^@njit\([^\n]*\)\ndef (\w+)\(", re.MULTILINE)
_ENTRIES = re.compile(r"\nentries = \[([^\]]*)\]\s*\Z")
_WORD = re.compile(r"\w+")
_ALONE = "kernel"
"""What a kernel is called in its part."""


@dataclass(frozen=True, slots=True)
class Part:
    """The source of a module with one kernel, and the kernel's name in the whole one.

    Attributes:
        source: what is compiled.
        name: what the kernel is called in the whole module; empty if the part is the whole.
    """

    source: str
    name: str = ""


def in_whole(kernel: str, entry: str) -> str:
    """Return the name in the whole module of an entry of a kernel's part."""
    return f"{kernel}{entry.removeprefix(_ALONE)}" if kernel else entry


def parts(source: str) -> tuple[Part, ...]:
    """Return the kernels of a module one by one; the whole, if there is more in it than kernels."""
    kernels = list(_KERNEL.finditer(source))
    listed = _ENTRIES.search(source, kernels[-1].end()) if kernels else None
    if listed is None or source.count("\ndef ") != len(kernels):
        return (Part(source),)
    names = [kernel[1] for kernel in kernels]
    entries = [entry.strip() for entry in listed[1].split(",") if entry.strip()]
    forms = [(name, f"by_row({name})") for name in names]
    if len(entries) != len(forms) or not all(map(operator.contains, forms, entries)):
        return (Part(source),)
    starts = [kernel.start() for kernel in kernels]
    head, ends = source[: starts[0]], [*starts[1:], listed.start()]
    each = zip(starts, ends, names, entries, strict=True)
    return tuple(Part(_alone(head, source[s:e].strip(), name, entry), name) for s, e, name, entry in each)


def _alone(head: str, text: str, name: str, entry: str) -> str:
    """Return the module of one kernel."""
    kernel = text.replace(f"\ndef {name}(", f"\ndef {_ALONE}(", 1)
    last = f"entries = [{entry.replace(name, _ALONE)}]"
    lines = "\n".join(_needed(head, {*_WORD.findall(kernel), *_WORD.findall(last)}))
    return f"{lines.strip()}\n\n\n{kernel}\n\n\n{last}\n"


def _needed(head: str, used: set[str]) -> Iterator[str]:
    """Yield the lines of a module before its kernels, imports only of what is used."""
    for line in head.splitlines():
        module, _, given = line.partition(" import ")
        if not (given and module.startswith("from symdl.")):
            yield line
            continue
        needed = [name for name in given.split(", ") if name in used]
        if needed:
            yield f"{module} import {', '.join(needed)}"
