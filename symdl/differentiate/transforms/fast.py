"""Sums that are discrete Fourier transforms, in few operations.

Enters: a program, when everything is derived. Leaves: the same values, N log N operations in place of N².
What is read stays the definition, ``sum_n x[n] exp(-2πikn/N)`` in real and imaginary part; so do its
derivatives, which are transforms again.

Two real sources are the parts of one complex transform where their results are added up: with
``Z = sum_n (u[n] + i v[n]) exp(-2πikn/N)``, ``Re Z = cos u + sin v`` and ``Im Z = cos v - sin u``, in which
``cos u`` is the cosine transform of u. Others share nothing: a NaN of one signal does not get into the
spectrum of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy as sp

from symdl.differentiate.transforms.stages import DIRECT, Result, transform
from symdl.differentiate.transforms.tables import Writer
from symdl.differentiate.transforms.waves import Source, Term, Waves, as_waves
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor


def with_fast_transforms(program: Program) -> Program:
    """Return the program with its discrete Fourier transforms in stages."""
    inside = {e.lhs for r in program.recurrences for e in r.equations}
    found = [as_waves(e) for e in program.equations if e.lhs not in inside]
    waves = {w.equation.lhs: w for w in found if w is not None}
    if not waves:
        return program
    worker = _Worker(waves)
    made = [worker.rewritten(equation) for equation in program.equations]
    return program.with_equations([*worker.writer.made, *made])


class _Worker:
    def __init__(self, waves: Mapping[Tensor, Waves]) -> None:
        self.waves, self.writer = waves, Writer()
        self._results: dict[tuple[Source, Source | None], Result] = {}
        self._matrices: dict[int, tuple[Tensor, Tensor]] = {}

    def rewritten(self, equation: Equation) -> Equation:
        """Return an equation that reads transforms in place of sums."""
        waves = self.waves.get(equation.lhs)
        if waves is not None and waves.size <= DIRECT:
            return self._with_matrices(equation, waves)
        if waves is not None:
            free = equation.indices
            body = self._total([(term, *_places(waves, free)) for term in waves.terms])
            return replace(equation, body=body, reduction=None)
        if equation.reduction is None and isinstance(equation.body, sp.Add):
            return self._added(equation)
        return equation

    def _added(self, equation: Equation) -> Equation:
        """Return a sum with the transforms among its terms put together, two of them at a time."""
        values: dict[sp.Expr, list[tuple[Term, tuple[sp.Expr, ...], sp.Expr]]] = {}
        for term in equation.body.args:
            scale, access = term.as_coeff_Mul()
            waves = self.waves.get(access.tensor) if isinstance(access, Access) else None
            if waves is None or abs(scale) != 1 or waves.size <= DIRECT:
                continue
            where = _places(waves, access.indices)
            values[term] = [(replace(t, sign=int(scale) * t.sign), *where) for t in waves.terms]
        if len(values) < 2:
            return equation
        total = self._total([part for parts in values.values() for part in parts])
        return replace(equation, body=sp.Add(*(t for t in equation.body.args if t not in values), total))

    def _total(self, parts: Sequence[tuple[Term, tuple[sp.Expr, ...], sp.Expr]]) -> sp.Expr:
        """Return a sum of terms, each with the indices of its batch and its k."""
        left, total = list(parts), sp.Integer(0)
        while left:
            term, batch, k = left.pop(0)
            partner = next(
                (
                    p
                    for p in left
                    if p[0].wave != term.wave
                    and p[0].source != term.source
                    and p[0].source.kind == term.source.kind
                    and p[1:] == (batch, k)
                ),
                None,
            )
            if partner is None:
                real, imaginary = self._result(term.source, None)(batch, k)
                total += term.sign * (real if term.wave == "cos" else -imaginary)
                continue
            left.remove(partner)
            cos, sin = sorted((term, partner[0]), key=lambda t: t.wave)
            if cos.sign == sin.sign:
                total += cos.sign * self._result(cos.source, sin.source)(batch, k)[0]
            else:
                total += cos.sign * self._result(sin.source, cos.source)(batch, k)[1]
        return total

    def _result(self, real: Source, imaginary: Source | None) -> Result:
        """Return the transform of one or two real sources, made once."""
        key = (real, imaginary)
        if key not in self._results:

            def read(batch: tuple[sp.Expr, ...], place: sp.Expr) -> tuple[sp.Expr, sp.Expr | None]:
                return real.at(batch, place), imaginary and imaginary.at(batch, place)

            self._results[key] = transform(self.writer, real.kind, read)
        return self._results[key]

    def _with_matrices(self, equation: Equation, waves: Waves) -> Equation:
        """Return a small transform as a product with its matrix."""
        size, k, (n,) = waves.size, equation.indices[waves.axis], equation.bound
        if size not in self._matrices:
            a, b = Index("a"), Index("b")
            place = sp.Mod(a * b, size)
            first, second = (
                self.writer.define([(a, size), (b, size)], t.at(place)) for t in self.writer.circle(size)
            )
            self._matrices[size] = first, second
        cosines, sines = self._matrices[size]
        tables = {
            node: (cosines if isinstance(node, sp.cos) else sines).at(k, n)
            for node in equation.body.atoms(sp.cos, sp.sin)
            if {k, n} <= node.args[0].free_symbols
        }
        return replace(equation, body=rebuilt(equation.body, tables))


def _places(waves: Waves, where: Sequence[sp.Expr]) -> tuple[tuple[sp.Expr, ...], sp.Expr]:
    """Return the indices of the batch and k among those of an element."""
    return tuple(e for at, e in enumerate(where) if at != waves.axis), where[waves.axis]
