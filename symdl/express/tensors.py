"""Tensors and accesses to them.

Enters: names, shapes, roles. Leaves: `Tensor`, a named array of known shape whose values are given, learned
or defined by an equation, and `Access`, the SymPy atom ``X[i, 2*p + r]`` that stands for one element.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import sympy as sp
from sympy.core.expr import AtomicExpr
from sympy.printing.pretty.stringpict import prettyForm

from symdl.errors import ExpressionError
from symdl.express.dims import Extent, Index, as_extent
from symdl.express.naming import checked_name
from symdl.express.properties import Property
from symdl.express.relations import rebuilt
from symdl.express.walks import kinds_of

if TYPE_CHECKING:
    from symdl.express.equations import Equation
    from symdl.express.methods import ArrayMethods  # gives its methods to `Tensor` on loading
    from symdl.express.modes import Modes
else:
    ArrayMethods = object

Role = Literal["input", "parameter", "state", "constant", "intermediate", "cotangent", "tangent", "index"]
DType = Literal["real", "int64"]
"""``real`` becomes float32 or float64 when a program is compiled; ``int64`` holds labels and positions."""

_serials = itertools.count()
# Serials only order tensors by their creation, as SymPy's Dummy does; no result depends on their values.

_INTERNAL = frozenset({"at", "attach", "below", "derived", "modes", "of", "segment", "serial", "sources"})
"""Public to the package, of no use to those who write networks."""


class Tensor(ArrayMethods):
    """A named array. Two tensors are equal only if they are the same object.

    Attributes:
        name: the user's name, or None; a program gives every tensor a unique name.
        shape: extents, one an axis; rank 0 is ``()``.
        dtype: ``real`` or ``int64``.
        role: where its values come from.
        of: for a cotangent or tangent, the tensor it belongs to.
        init: for a parameter or state, a function ``(shape, rng) -> array`` of its first values.
        below: for positions, the size that every value is known to stay below, or None.
        modes: for a tensor that is something else at inference, what; see `symdl.express.modes`.
        properties: what a given matrix was declared to be, such as symmetric.
        segment: for a state of a recurrence, that it is kept every so many steps only, or None.
        value: the array of a constant, or None.
        sources: what this is a derivative or a variant of; inputs of theirs may have dropped out of it.
        equation: the equation that defines it, or None.

    Example:
        >>> X = sd.tensor("X", (sd.Dim("n"), 3))
        >>> X.name, X.shape, X.rank
        ('X', (n, 3), 2)
        >>> (X*2)[:, 0].shape
        (n,)
    """

    __slots__ = (
        *("_equation", "below", "dtype", "init", "modes", "name", "of", "properties", "role"),
        *("segment", "serial", "shape", "sources", "value"),
    )

    def __init__(
        self,
        name: str | None,
        shape: Sequence[Extent],
        *,
        dtype: DType = "real",
        role: Role = "intermediate",
        of: Tensor | None = None,
        init: Callable[..., Any] | None = None,
        below: Extent | None = None,
        properties: frozenset[Property] = frozenset(),
    ) -> None:
        if name is not None:
            checked_name(name)
        self.name: str | Any = name  # None for a few: who asks for a name, mostly gave one
        self.shape: tuple[Extent, ...] = tuple(as_extent(size) for size in shape)
        self.dtype: DType = dtype
        self.role: Role = role
        self.of = of
        self.init = init
        self.below = below
        self.properties = properties
        self.serial = next(_serials)
        self.modes: Modes | None = None
        self.segment: int | None = None
        self.value: Any = None
        self.sources: tuple[Tensor, ...] = ()
        self._equation: Equation | None = None

    def __dir__(self) -> list[str]:
        """What users ask a tensor for; the package's own attributes are left out."""
        return [n for n in super().__dir__() if n not in _INTERNAL and (n[0] != "_" or n[:2] == "__")]

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def equation(self) -> Equation | None:
        """The equation that defines this tensor, or None if its values are given."""
        return self._equation

    def attach(self, equation: Equation) -> Tensor:
        """Set the defining equation, once, and return the tensor."""
        if self._equation is not None or equation.lhs is not self:
            raise ExpressionError(f"{self} is already defined", expression=equation)
        self._equation = equation
        return self

    def derived(self, *sources: Tensor) -> Tensor:
        """Note what this tensor was derived from, and return it."""
        if self._equation is not None:
            self.sources = tuple(dict.fromkeys((*self.sources, *(s for s in sources if s is not self))))
        return self

    def at(self, *where: sp.Expr | int) -> Access:
        """Return the access ``self[where]``, one index expression an axis, unchecked for range."""
        return Access(self, *where)

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: object) -> Tensor:
        """Return the tensor itself: it is what it is called, as a symbol is, and never changes."""
        return self

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.shape))
        return f"{self.name or f'{self.role}#{self.serial}'}({shape})"


class Access(AtomicExpr):
    """One element of a tensor: ``Access(X, i, 2*p + r)``. A real SymPy atom; rank 0 is allowed.

    Its order among others follows the creation of the tensors, not their names, so expressions of one
    structure get one argument order whatever the user calls things.
    """

    __slots__ = ("_order", "indices", "tensor")
    _diff_wrt: ClassVar[bool] = True
    is_commutative: ClassVar[bool] = True
    is_number: ClassVar[bool] = False
    is_symbol: ClassVar[bool] = False
    is_real: ClassVar[bool] = True
    # The sign of an element is not known. Saying so here keeps SymPy from searching for it each time.
    is_zero = is_positive = is_negative = is_nonzero = is_nonnegative = is_nonpositive = None
    is_extended_positive = is_extended_negative = is_extended_nonzero = None
    is_extended_nonnegative = is_extended_nonpositive = None
    is_algebraic = is_transcendental = is_prime = is_composite = is_even = is_odd = is_noninteger = None

    tensor: Tensor
    indices: tuple[sp.Expr, ...]
    _order: tuple[str, ...] | None

    def __new__(cls, tensor: Tensor, *where: sp.Expr | int) -> Access:
        if len(where) != tensor.rank:
            raise ExpressionError(
                f"{tensor} has {tensor.rank} axes but is read with {len(where)} indices",
                cure="give one index expression for every axis",
            )
        access: Access = super().__new__(cls)
        access.tensor = tensor
        access.indices = tuple(as_expression(e) for e in where)
        access._order = None
        return access

    @property
    def below(self) -> Extent | None:
        """The size that the value is known to stay below, if it is a position."""
        return self.tensor.below

    @property
    def order(self) -> tuple[str, ...]:
        """The key by which accesses are sorted: creation of the tensor, then the indices' text."""
        if self._order is None:
            self._order = (f"{self.tensor.serial:012d}", *map(str, self.indices))
        return self._order

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.tensor.serial, *self.indices)

    def sort_key(self, order: Any = None) -> Any:
        return self.class_key(), (1, self.order), sp.S.One.sort_key(), sp.S.One

    @property
    def is_integer(self) -> bool | None:
        """True for labels and positions, else not known."""
        return True if self.tensor.dtype == "int64" else None

    is_rational = is_integer

    @property
    def is_irrational(self) -> bool | None:
        """False for labels and positions, else not known."""
        return False if self.tensor.dtype == "int64" else None

    @property
    def free_symbols(self) -> set[sp.Basic]:
        # The access counts too: SymPy must not take `X[i]**2 - 1` for a polynomial in i without variables.
        return {self}.union(*(e.free_symbols for e in self.indices))

    def _sympystr(self, printer: Any) -> str:
        where = ", ".join(printer.doprint(e) for e in self.indices)
        return f"{self.tensor.name or f'#{self.tensor.serial}'}[{where}]"

    _sympyrepr = _sympystr

    def _latex(self, printer: Any) -> str:
        name = printer._print(sp.Symbol(self.tensor.name or f"t_{self.tensor.serial}"))
        return f"{{{name}}}_{{{', '.join(map(printer._print, self.indices))}}}"

    def _pretty(self, printer: Any) -> prettyForm:
        return prettyForm(sp.sstr(self))

    def nested(self) -> list[Access]:
        """Return the accesses to integer tensors inside the indices (a gather such as ``E[ids[n], d]``)."""
        return [a for e in self.indices if not e.is_Atom or isinstance(e, Access) for a in accesses_in(e)]


def as_expression(value: Any) -> sp.Expr:
    """Return a number, a rank-0 tensor or an expression as a SymPy expression; text is refused.

    Raises:
        ExpressionError: `value` is none of these.
    """
    if isinstance(value, sp.Expr):
        return value
    try:
        expr = sp.sympify(value, strict=True)
    except sp.SympifyError:
        expr = None
    if not isinstance(expr, sp.Expr):
        raise ExpressionError(
            f"{value!r} is no scalar expression",
            cure="pass a tensor, a number, or a SymPy expression such as X[i, j]",
        )
    return expr


def accesses_in(expr: sp.Basic) -> list[Access]:
    """Return the distinct accesses in an expression, nested ones included, in a fixed order."""
    found = dict.fromkeys(kinds_of(expr, Access))
    for access in list(found):
        found.update(dict.fromkeys(access.nested()))
    return sorted(found, key=lambda a: a.order)


def map_accesses(expr: sp.Expr, change: Callable[[Access], sp.Expr]) -> sp.Expr:
    """Return `expr` with every outermost access replaced by ``change(access)``."""
    if isinstance(expr, Access):
        return change(expr)
    changed = {a: change(a) for a in kinds_of(expr, Access)}
    changed = {a: new for a, new in changed.items() if new is not a}
    return rebuilt(expr, changed) if changed else expr


def substitute(expr: sp.Expr, values: dict[Any, Any]) -> sp.Expr:
    """Return `expr` with index variables and accesses replaced, inside index expressions too."""
    if not values:
        return expr

    def change(access: Access) -> sp.Expr:
        if access in values:
            return values[access]
        where = tuple(_substituted_index(e, values) for e in access.indices)
        return access if where == access.indices else Access(access.tensor, *where)

    replaced = map_accesses(expr, change)
    symbols = {k: v for k, v in values.items() if isinstance(k, sp.Symbol)}
    return rebuilt(replaced, symbols) if symbols else replaced


def _substituted_index(expr: sp.Expr, values: dict[Any, Any]) -> sp.Expr:
    if expr.is_Symbol:
        return values.get(expr, expr)
    return expr if expr.is_Integer else sp.expand(substitute(expr, values))


def is_plain(access: Access) -> bool:
    """Say whether every index is a different index variable."""
    names = access.indices
    return all(isinstance(e, Index) for e in names) and len(set(names)) == len(names)
