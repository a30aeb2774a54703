"""Which operations have code for a graphics processor: special functions that are SciPy's have none."""

from __future__ import annotations

from collections.abc import Iterable

import symdl as sd
from symdl.errors import EmitError
from tests.totality import checks
from tests.totality.case import Case
from tests.totality.elementwise import SPECIAL


def with_code(cases: Iterable[Case]) -> list[Case]:
    """Return the cases without those that are refused, by the name of a special function."""
    return [case for case in cases if case not in SPECIAL or _has_code(case)]


def _has_code(case: Case) -> bool:
    try:
        sd.compile(list(checks.first(case.build())), dtype="float32", target="cuda")
    except EmitError as error:
        assert "has no code for the function" in str(error), error
        return False
    return True
