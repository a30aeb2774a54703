"""Every public operation and layer on the target cuda: its PTX is executed, and held against the interpreter.

Values and first derivatives of one case of each operation, at small sizes. The simulated device finds races,
wrong addresses, reads of what nobody wrote, divergent barriers and launches out of order. ``make test-gpu``
asks for all cases, fixed sizes, second derivatives and float32, too.
"""

from __future__ import annotations

import pytest

from symdl.run.runtime import Target
from tests.cuda.special import with_code
from tests.cuda.toolchain import needs_compiler
from tests.targets import DEVICE
from tests.totality import checks
from tests.totality.case import Case
from tests.totality.table import CASES
from tests.totality.test_totality import FIRST, groups, named, other_forms

pytestmark = needs_compiler
IN_FULL = pytest.mark.skipif(not DEVICE, reason="takes long on the simulated device: set SYMDL_DEVICE")


@pytest.mark.parametrize("case", FIRST, ids=named)
def test_agrees_with_the_interpreter(case: Case, target: Target) -> None:
    if not with_code([case]):
        pytest.skip("a special function without code for a graphics processor")
    n = case.sizes[0]
    kernels = checks.Kernels.of([case], checks.first, n=n, target=target)
    assert kernels.failures(n) == []


@IN_FULL
@groups(CASES)
def test_other_forms(cases: tuple[Case, ...], target: Target) -> None:
    assert other_forms(tuple(with_code(cases)), target) == []


@IN_FULL
@groups(FIRST)
def test_float32(cases: tuple[Case, ...], target: Target) -> None:
    kernels = checks.Kernels.of(with_code(cases), checks.first, dtype="float32", target=target)
    sizes = sorted({n for case in cases for n in case.sizes if n}, reverse=True)
    assert [text for n in sizes for text in kernels.failures(n)] == []
