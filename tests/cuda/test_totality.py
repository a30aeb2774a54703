"""Every public operation and layer on the target cuda: its PTX is executed, and held against the interpreter.

Values and first derivatives of one case of each operation, at small sizes. The simulated device finds races,
wrong addresses, reads of what nobody wrote, divergent barriers and launches out of order.
"""

from __future__ import annotations

import pytest

from symdl.run.runtime import Target
from tests.cuda.toolchain import needs_compiler
from tests.totality import checks
from tests.totality.case import Case
from tests.totality.test_totality import FIRST, named

pytestmark = needs_compiler


@pytest.mark.parametrize("case", FIRST, ids=named)
def test_agrees_with_the_interpreter(case: Case, target: Target) -> None:
    n = case.sizes[0]
    kernels = checks.Kernels.of([case], checks.first, n=n, target=target)
    assert kernels.failures(n) == []
