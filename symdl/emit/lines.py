"""Which line of generated code computes which equation.

Enters: a lowered program. Leaves: the lines of its module, as they stand there, each with the number of the
equation that it computes. The statements of a loop tree know that; so the module is printed once more, and
each line begins with a mark, which is taken off again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from symdl.emit.source import printed_source
from symdl.emit.statements import MARK, comments
from symdl.emit.syntax import Syntax
from symdl.lower.lowered import Lowered

_MARK = re.compile(MARK.format(r"(-?\d+)"))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a module, and the number of the equation that it computes; -1 if it computes none alone.

    A comment belongs to the equation that it tells.
    """

    text: str
    equation: int


def lines_of(lowered: Lowered, *, syntax: Syntax, dtype: str) -> tuple[Line, ...]:
    """Return the lines of a module; those of a kernel that calls share are told of the first call.

    Raises:
        EmitError: an unknown dtype, or something has no code.
    """
    found: list[Line] = []
    for line in printed_source(lowered, syntax, dtype, marked=True).splitlines():
        mark = _MARK.match(line)
        found.append(Line(_MARK.sub("", line), int(mark[1]) if mark else -1))
    told = {number: set(map(str.strip, comments(s.text))) for number, s in lowered.program.stated.items()}
    following = -1
    for at, one in reversed(list(enumerate(found))):
        if one.equation < 0 and one.text.lstrip().startswith(("#", "//")):
            text = one.text.strip("#/ ")
            owners = (e for e in (following, *told) if text in told.get(e, ()))
            found[at] = Line(one.text, next(owners, -1))
        following = found[at].equation if found[at].equation >= 0 else following
    return tuple(found)
