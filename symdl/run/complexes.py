"""Complex numbers at the two ends of a compiled function, whose arrays are real.

Enters: outputs, and what to differentiate with respect to, as a user names them; complex arrays of a call.
Leaves: the tensors of their parts; arrays of the parts; results put together again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import ArgumentError, CompileError
from symdl.express.complexes import ComplexTensor, parts_names
from symdl.express.tensors import Tensor


def with_parts(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return arguments with the parts of those that are complex: ``z`` as ``z_re`` and ``z_im``.

    Args:
        given: by name; an array of real numbers may stand for complex ones.
        names: of the inputs.

    Raises:
        ArgumentError: something that is no array of numbers.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        parts = parts_names(name)
        if name in names or not set(parts) & set(names):
            found[name] = value
            continue
        try:
            array = np.asarray(value)
        except Exception as error:
            cure = "pass an array of complex numbers"
            raise ArgumentError(f"{name} is no array: {error}", cure=cure) from None
        if array.dtype.kind not in "ciufb":
            raise ArgumentError(f"{name} holds {array.dtype}", cure="pass an array of complex numbers")
        found |= {part: v for part, v in zip(parts, (array.real, array.imag), strict=True) if part in names}
    return found


@dataclass(frozen=True, slots=True)
class Complexes:
    """Arranges results of which some are the parts of complex ones.

    Attributes:
        outputs: of each output, whether it is complex.
        several: whether a call returns a tuple of them.
        wrt: of each gradient its name, and whether it is complex; None if there are none.
    """

    outputs: tuple[bool, ...]
    several: bool
    wrt: tuple[tuple[str, bool], ...] | None = None

    def __call__(self, results: list[Any]) -> Any:
        left = iter(results)

        def one(whole: bool) -> Any:
            return joined(next(left), next(left)) if whole else next(left)

        values = tuple(map(one, self.outputs))
        found = values if self.several else values[0]
        return found if self.wrt is None else (found, {name: one(whole) for name, whole in self.wrt})

    def taken_apart(self, found: Any) -> list[Any]:
        """Return the real results of what a call returned, one after another."""
        found, slopes = (found, {}) if self.wrt is None else found
        values = [*(found if self.several else [found]), *slopes.values()]
        flags = [*self.outputs, *(whole for _, whole in self.wrt or ())]
        pairs = zip(values, flags, strict=True)
        return [part for v, whole in pairs for part in ((np.real(v), np.imag(v)) if whole else (v,))]


def joined(real: Any, imaginary: Any) -> Any:
    """Return numbers with these parts; put in their places, as ``1j * inf`` has a NaN in its real part.

    An imaginary zero loses its sign, as in a sum with 1j: that of a transform's first value is an accident.
    """
    imaginary = imaginary + 0.0
    kind = np.result_type(real.dtype, np.complex64)
    if not real.ndim:
        return kind.type(complex(real, imaginary))
    found = real.astype(kind)
    found.imag = imaginary
    return found


def is_complex(output: Any) -> bool:
    """Say whether an output, or one of several, is complex."""
    several = output if isinstance(output, list | tuple) else [output]
    return any(isinstance(o, ComplexTensor) for o in several)


def parts(output: Any) -> tuple[list[Any], Complexes]:
    """Return the tensors of outputs of which some are complex, and how they are put together."""
    several = isinstance(output, list | tuple)
    each = list(output) if several else [output]
    flags = tuple(isinstance(o, ComplexTensor) for o in each)
    tensors = [t for o in each for t in (o.as_parts() if isinstance(o, ComplexTensor) else [o])]
    return tensors, Complexes(flags, several)


def packed(wrt: Sequence[tuple[str, bool]]) -> Complexes:
    """Return how the value of one real output and its gradients are arranged."""
    return Complexes((False,), False, tuple(wrt))


def chosen(wrt: Any, inputs: Sequence[Tensor]) -> tuple[list[Any], list[tuple[str, bool]]] | None:
    """Return what to differentiate with respect to, part by part, with the names; None if nothing is complex.

    Raises:
        CompileError: a complex tensor that is no input.
    """
    names = {str(t.name) for t in inputs}
    by: list[Any] = []
    told: list[tuple[str, bool]] = []
    for one in wrt if isinstance(wrt, list | tuple) else [wrt]:
        name = _complex_name(one, names)
        by += [one] if name is None else parts_names(name)
        told.append((str(getattr(one, "name", one)), False) if name is None else (name, True))
    return (by, told) if any(whole for _, whole in told) else None


def _complex_name(one: Any, names: Collection[str]) -> str | None:
    """Return the name of a complex input, or None for anything else."""
    if isinstance(one, ComplexTensor):
        if one.name is None:
            raise CompileError(
                f"{one} is no input", cure="differentiate with respect to an sd.complex_tensor"
            )
        return one.name
    whole = isinstance(one, str) and one not in names and parts_names(one)[0] in names
    return one if whole else None
