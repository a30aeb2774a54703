"""Routines as functions of arrays.

Enters: the name of a routine, such as ``special_jv``. Leaves: a function of arrays, which the
reference interpreter and the target without a compiler call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from symdl.express.special.kinds import SPECIAL
from symdl.express.special.own import routine, values_of


def _lambert_w(x: Any, branch: Any) -> Any:
    found = special.lambertw(x, branch)
    return np.where(found.imag == 0, found.real, np.nan)


_VALUES: Mapping[str, Callable[..., Any]] = {
    "si": lambda x: special.sici(x)[0],
    "ci": lambda x: special.sici(x)[1],
    "shi": lambda x: special.shichi(x)[0],
    "chi": lambda x: special.shichi(x)[1],
    "fresnels": lambda x: special.fresnel(x)[0],
    "fresnelc": lambda x: special.fresnel(x)[1],
    "airyai": lambda x: special.airy(x)[0],
    "airyaiprime": lambda x: special.airy(x)[1],
    "airybi": lambda x: special.airy(x)[2],
    "airybiprime": lambda x: special.airy(x)[3],
    "hurwitz": special.zeta,
    "lambertw": _lambert_w,
}
"""What is not just a function of ``scipy.special`` of the same name."""


def values(name: str) -> Callable[..., Any]:
    """Return a routine as a function of arrays.

    Raises:
        ExpressionError: nothing computes the values of a user's function.
    """
    own = routine(name)
    if own is not None:
        return values_of(own)
    plain = name.removeprefix(SPECIAL)
    found: Callable[..., Any] = _VALUES.get(plain) or getattr(special, plain)
    return found
