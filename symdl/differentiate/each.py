"""Several functions and all their derivatives in one program.

Enters: rank-0 tensors, and what to differentiate each of them with respect to. Leaves: a program whose
outputs are the values and then the columns of their Jacobian. It is one reverse sweep for each function, over
what that function is computed from; what the sweeps have in common is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from symdl.differentiate.adjoint import Sweep, attached, check_variables
from symdl.differentiate.cleanup import clean
from symdl.differentiate.prepare import prepare
from symdl.differentiate.reuse import given_elements
from symdl.express.equations import Equation, Origin
from symdl.express.ordering import order
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor


def differentiate_each(outputs: Sequence[Tensor], wrt: Sequence[Tensor]) -> Program:
    """Differentiate several rank-0 tensors.

    Args:
        outputs: the functions.
        wrt: rank-0 inputs; a function that does not depend on one of them has the derivative 0.

    Returns:
        A program with the outputs `outputs`, then their derivatives with respect to the first of `wrt`, and
        so on.

    Raises:
        DerivativeError: `wrt` is empty, or holds a tensor of integers.
    """
    check_variables(wrt)
    written = collect(outputs)
    program, _ = prepare(written, keep=wrt)
    exact = given_elements(program)
    equations: list[Equation] = []
    rows: list[list[Tensor]] = []
    for output in outputs:
        whole = collect([output])
        found = order([output], program.definitions.get)
        part = Program(found.inputs, found.equations, (output,), recurrences=found.recurrences)
        sweep = Sweep(whole, part, output, tuple(t for t in wrt if t in whole.inputs), exact)
        sweep.run()
        equations += sweep.equations
        rows.append([sweep.cotangents.get(t) or _zero(t, equations) for t in wrt])
    wanted = (*outputs, *(row[at] for at in range(len(wrt)) for row in rows))
    every = (*program.equations, *equations)
    raw = replace(program, outputs=wanted).with_equations(every)
    return attached(clean(raw, frozenset(e.lhs for e in program.equations), exact)[0])


def _zero(tensor: Tensor, equations: list[Equation]) -> Tensor:
    """Return the derivative of what does not depend on a tensor, with its equation among the others."""
    zero = Tensor(None, (), role="cotangent", of=tensor)
    equations.append(Equation(zero, (), sp.Integer(0), origin=Origin("no change", tensor)))
    return zero
