"""How a target's code is written: what all targets have in common.

Enters: nothing. Leaves: `Syntax`, the record that the printers of `emit` read: templates, function names, how
an array is passed. `symdl.emit.cpu.syntax` and `symdl.emit.python.syntax` are the first two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from symdl.emit.spelling import PYTHON, Spelling

if TYPE_CHECKING:
    from symdl.emit.names import Names
    from symdl.emit.printed import Printed
    from symdl.emit.statements import Writer
    from symdl.lower.ir.loops import KernelItem, Stated
    from symdl.lower.kernels import Kernel

    Forms = Callable[
        [tuple[KernelItem, ...], "Syntax", Names, Mapping[int, Stated]], Mapping[str, tuple[Printed, ...]]
    ]

NO_ROUTINES = (
    "write it with elementary functions; of special ones these files have gamma, beta and erf's family"
)
"""The cure of files that stand alone, where there is no code for a function."""
SPECIAL_FUNCTIONS = {
    "special_gamma": "gamma_function",
    "special_psi": "digamma",
    "special_hurwitz": "hurwitz_zeta",
    "special_beta": "beta_function",
    "special_erfinv": "erfinv",
    "special_erfcinv": "erfcinv",
}
"""Routines of SciPy's that files that stand alone compute themselves, and what they call them."""
DIVISIONS = ("floor_divide", "ratio", "remainder")
"""Functions that divide, and round down or not."""
NEAR = 2.0**20
"""Up to which size arguments of functions, and quotients, are not large: see `Syntax.near`."""


@dataclass(frozen=True, slots=True)
class Types:
    """The numbers of a target's code.

    Attributes:
        reals: what real tensors can become.
        positions: what kernels count loops and positions in; data are int64 wherever they come from.
    """

    reals: tuple[str, ...] = ("float32", "float64")
    positions: str = "int64"


@dataclass(frozen=True, slots=True)
class Brought:
    """A function of a user's, which a file that stands alone calls and does not hold.

    Attributes:
        routine: its name in programs.
        label: what the user calls it.
        arguments: how many it takes, all of them doubles, as its value is.
        module, name: where Python can import it, and as what; empty if it cannot.
        compiled: whether Numba has compiled it already.
    """

    routine: str
    label: str
    arguments: int
    module: str = ""
    name: str = ""
    compiled: bool = False

    @property
    def letters(self) -> str:
        """Names for the arguments."""
        return "abcdef"[: self.arguments]


@dataclass(frozen=True, slots=True)
class Syntax:
    """How one target is written.

    Attributes:
        name: of the target, for messages.
        template: the template of the module.
        simd: what writes a loop over layout blocks in SIMD lanes, if there are such loops.
        forms: what writes the body of a kernel in each of its forms, by what is added to the kernel's name;
            None if there is one form.
        further: what some of these forms are given besides, by the same endings.
        functions: the name of each scalar function.
        wholes: functions of int64 that wrap around, where operators do not.
        near: functions that have a faster form for arguments, or quotients of two, that are not large, and
            the names of those forms.
        own: names that generated code gives to things that are in no equation.
        owners: of which names it may use attributes.
        attributes: those that it may use of everything else.
        imports: the modules whose names generated code may use, and the names.
        types: of numbers.
        routines: the module that has routines by name; empty if the target cannot call any.
        brought: functions of users that a file declares, or imports.
        elsewhere: the cure where it has no code for a function.
        spelling: of its language.
        stored: the narrow types that it reads (`symdl.lower.ir.storage`), and the functions that make an
            element real, in order; under ``whole`` those that make it an int64.
        parameters: the parameters of a kernel, where they are more than names.
        scratch: what functions of matrices are told last: where there is room for them.
        of_dtype: what templates are told besides for each type of reals.
        inspect: what looks at the source once more, where that is no Python.
    """

    name: str
    template: str
    simd: Callable[[Writer], Writer] | None
    forms: Forms | None
    functions: Mapping[str, str]
    wholes: Mapping[str, str]
    near: Mapping[str, str]
    own: frozenset[str]
    owners: frozenset[str]
    imports: Mapping[str, frozenset[str]]
    types: Types = Types()
    routines: str = ""
    brought: tuple[Brought, ...] = ()
    elsewhere: str = "compile it for the processor (target='cpu'), or write it with elementary functions"
    attributes: frozenset[str] = frozenset({"shape"})
    spelling: Spelling = PYTHON
    stored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Callable[[Kernel], str] | None = None
    scratch: str = ""
    of_dtype: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    inspect: Callable[[str, Syntax], str] | None = None
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
