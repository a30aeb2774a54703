"""Which data count.

Enters: what is computed from data, and the data. Leaves: for an input where its values have a part in that.
Past the end of a sequence, or where a mask says so, they have none, and may be anything. What is only
compared, in a condition, need not be finite either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.differentiate.support import NOWHERE, demand, names_of
from symdl.express.equations import Equation, check
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs


def counted(
    tensor: Tensor, results: Sequence[Tensor], arrays: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_]:
    """Return where the values of an input count for `results`.

    Args:
        tensor: the input; `arrays` holds its values.
        results: what is computed.
        arrays: data by name. Where it depends on anything else whether an element counts, it does.
    """
    shape = arrays[str(tensor.name)].shape
    support = demand(collect(results), results, compared=False).get(tensor, NOWHERE)
    if support.everywhere:
        return np.ones(shape, bool)
    flag = Tensor(None, tensor.shape)
    body = support.applied(sp.Integer(1))
    flag.attach(check(Equation(flag, names_of(tensor, {}), body, guards=support.guards)))
    # The tensor itself shows the sizes, whether or not the condition reads it.
    program = collect([flag, tensor])
    given = [t for t in program.inputs if t.value is None]
    if any(str(t.name) not in arrays or t.role != "input" for t in given):
        return np.ones(shape, bool)
    found = outputs(program, {t: arrays[str(t.name)] for t in given})[0]
    return np.asarray(found != 0)
