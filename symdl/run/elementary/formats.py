"""Floating-point formats and what elementary functions need to know of them.

Enters: nothing. Leaves: `SINGLE`, `DOUBLE`. The coefficients are highest power first. Those without a source
are what ``python -m tests.accuracy.fit`` prints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """A floating-point format and the constants for it.

    `whole` is the kind of integers of its width, `root` the bits of sqrt(1/2). `marker` has no place for
    digits behind the point: added to a smaller number, it leaves the nearest integer in the lowest bits.
    """

    kind: str
    whole: str
    width: int
    mantissa: int
    bias: int
    smallest: float
    root: int
    marker: float
    marker_bits: int
    overflow: float
    log2_high: float
    log2_low: float
    exp: tuple[float, ...]
    tanh_top: tuple[float, ...]
    tanh_bottom: tuple[float, ...]
    log_top: tuple[float, ...]
    log_bottom: tuple[float, ...]
    sin: tuple[float, ...]
    cos: tuple[float, ...]
    half_pi: tuple[float, ...]


# The quotients of polynomials for tanh on [-0.625, 0.625], in x**2; and in float64 log, sin and cos (Cephes).
SINGLE = Format(
    kind="float32",
    whole="int32",
    width=32,
    mantissa=23,
    bias=127,
    smallest=2.0**-126,
    root=0x3F3504F3,
    marker=1.5 * 2.0**23,
    marker_bits=0x4B400000,
    overflow=88.72283,
    log2_high=0.693359375,
    log2_low=-2.12194440e-4,
    exp=(
        *(0.0002324471133761108, 0.001383827067911625, 0.008326801471412182, 0.04166814312338829),
        *(0.16666698455810547, 0.4999999403953552, 1.0, 1.0),
    ),
    tanh_top=(
        *(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2),
        *(1.33314422036e-1, -3.33332819422e-1),
    ),
    tanh_bottom=(1.0,),
    log_top=(
        *(-0.0763465017080307, 0.12761345505714417, -0.13160167634487152, 0.1420176923274994),
        *(-0.16623340547084808, 0.20001231133937836, -0.250008225440979, 0.3333333134651184),
    ),
    log_bottom=(1.0,),
    sin=(-0.0001951829035533592, 0.008332189172506332, -0.16666655242443085),
    cos=(2.4432583813904785e-05, -0.0013887310633435845, 0.04166664555668831),
    half_pi=(1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
)
DOUBLE = Format(
    kind="float64",
    whole="int64",
    width=64,
    mantissa=52,
    bias=1023,
    smallest=2.0**-1022,
    root=0x3FE6A09E667F3BCD,
    marker=1.5 * 2.0**52,
    marker_bits=0x4338000000000000,
    overflow=709.782712893384,
    log2_high=6.93145751953125e-1,
    log2_low=1.42860682030941723212e-6,
    exp=tuple(1 / math.factorial(n) for n in range(15, -1, -1)),
    tanh_top=(-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3),
    tanh_bottom=(1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3),
    log_top=(
        *(1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0),
        *(1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0),
    ),
    log_bottom=(
        *(1.0, 1.12873587189167450590e1, 4.52279145837532221105e1, 8.29875266912776603211e1),
        *(7.11544750618563894466e1, 2.31251620126765340583e1),
    ),
    sin=(
        *(1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6),
        *(-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1),
    ),
    cos=(
        *(-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7),
        *(2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2),
    ),
    half_pi=(1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
)
