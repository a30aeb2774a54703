"""Every pass keeps every value of every public operation and of its derivatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.totality.case import Case
from tests.totality.table import CASES

from .passes import checked

APART = 16


@pytest.mark.parametrize("cases", [CASES[k::APART] for k in range(APART)], ids=range(APART))
def test_every_operation(cases: Sequence[Case]) -> None:
    found: Counter[str] = Counter()
    for case in cases:
        if case.order:
            built = case.build()
            found += checked(built.loss(), built.moving, {"n": 2, "m": 4}, built.values(2))
    assert found["prepare"] > 10
    assert found["not applicable"] < found.total() / 5  # functions of matrices, integers made of reals
