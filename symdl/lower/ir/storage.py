"""How elements of arrays are stored, where that is not the type in which they are computed.

Enters: nothing. Leaves: the names of narrow types, and how many bytes an element takes. Elements become reals
or int64 where they are read; all arithmetic is done in those.
"""

from __future__ import annotations

WHOLE = {"int8": 1, "int16": 2, "int32": 4, "uint8": 1, "uint16": 2, "uint32": 4}
"""Narrow integers, and their bytes. Every one of them is an int64."""
HALVES = {"float16": 2, "bfloat16": 2}
"""Narrow reals, and their bytes. Every one of them is a float32."""
STORED = WHOLE | HALVES


def element_size(storage: str, real: int, *, integer: bool) -> int:
    """Return the bytes of an element; an empty `storage` is a real of so many bytes, or an int64."""
    return STORED[storage] if storage else 8 if integer else real


def element_type(storage: str) -> str:
    """Return the name of the type of machine numbers that hold elements: bits, for halves."""
    return "uint16" if storage in HALVES else storage
