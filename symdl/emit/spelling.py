"""How a language spells what every kernel says.

Enters: nothing. Leaves: `Spelling`, the patterns that printers fill in, and `PYTHON`, those of Python. A
language that wants types of variables said first is told them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spelling:
    """Patterns of one language.

    Attributes:
        select: one of two values by a truth value.
        negation, both, either, true, false: of truth values.
        logic: how tightly a part of ``both`` and ``either`` must bind to stand there without brackets.
        power, floor, modulo, divides, clamp, within: of numbers and positions.
        position: of an element in an array, where it is more than a name or a number.
        nan, infinity, double: reals.
        whole, smallest: an int64, and the smallest one.
        larger_whole: the function that returns the larger of two integers.
        constant: a real in a list of them.
        words: what `symdl.emit.names.put_in` replaces: comments are passed over, group 1 begins a function.
        declares: whether locals are declared before they are used.
    """

    select: str = "{chosen} if {truth} else {other}"
    negation: str = "not {}"
    both: str = "and"
    either: str = "or"
    true: str = "True"
    false: str = "False"
    logic: int = 0
    power: str = "{} ** {}"
    floor: str = "(({}) // {})"
    modulo: str = "(({}) % {})"
    divides: str = "({}) % {} == 0"
    clamp: str = "max(0, min({}, {}))"
    within: str = "0 <= {0} < {1}"
    position: str = "{}"
    nan: str = "np.nan"
    infinity: str = "np.inf"
    whole: str = "np.int64({})"
    smallest: str = "np.int64(-9223372036854775808)"
    double: str = "np.float64(0.0)"
    larger_whole: str = "max"
    constant: str = "{}"
    words: re.Pattern[str] = re.compile(r"#[^\n]*|\bdef (\w+)|\b[bxin]\d\w*")
    declares: bool = False


PYTHON = Spelling()
"""What Python says, compiled or not."""
NUMBA = Spelling(position="at({})")
"""What Python says where Numba would look at each position whether it counts from the end of an array."""
C = Spelling(
    select="{truth} ? {chosen} : {other}",
    negation="!({})",
    both="&&",
    either="||",
    true="1",
    false="0",
    logic=4,
    power="real_pow({}, {})",
    floor="floor_divide({}, {})",
    modulo="modulo({}, {})",
    divides="modulo({}, {}) == 0",
    clamp="clamp({}, {})",
    within="0 <= {0} && {0} < {1}",
    nan="NAN",
    infinity="INFINITY",
    whole="INT64_C({})",
    smallest="INT64_MIN",
    double="0.0",
    larger_whole="larger_whole",
    constant="real({})",
    words=re.compile(r"/\*.*?\*/|\bstatic void (\w+)|\b[bxin]\d\w*"),
    declares=True,
)
"""What C99 says."""
