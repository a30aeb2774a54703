"""Exercises from derivations.

Enters: what `derive` takes, and what to hide. Leaves: a `Worksheet`: a page with blanks, and its key.
"""

from __future__ import annotations

from typing import Any

from symdl.explain.derive import derive
from symdl.explain.documents.blanks import Hide
from symdl.explain.documents.derivation import Worksheet


def worksheet(f: Any, wrt: Any, *, hide: Hide = "derivatives", **options: Any) -> Worksheet:
    """Return the derivation of `f` as an exercise, with its key, both from one record.

    ``sd.worksheet(L, "W").save("ex.html")`` writes ``ex.html``, on which a click shows each answer, and
    ``ex-key.html``.

    Args:
        f, wrt: as `derive` takes them.
        hide: ``"derivatives"`` (the right sides of their lines), ``"reasons"``, ``"both"``, ``"result"``,
            names of tensors or sections, or a function of a line.
        options: those of `derive`.

    Raises:
        ExplainError: nothing on the page is hidden by `hide`; or as `derive` does.

    Example:
        >>> x = sp.Symbol("x")
        >>> sheet = sd.worksheet(sp.sin(x**2), x, hide="derivatives")
        >>> print(str(sheet).splitlines()[0])
        Exercise: Derivative of f(x) = sin(x²) with respect to x
    """
    return derive(f, wrt, **options).worksheet(hide=hide)
