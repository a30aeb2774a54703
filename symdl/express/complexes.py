"""Complex tensors: two real ones, and the arithmetic of complex numbers as formulas in them.

Enters: names and shapes, two real tensors, complex arrays. Leaves: `ComplexTensor`, whose parts are tensors
as all others are. Nothing else in the language knows of complex numbers: what is differentiated, printed,
checked and compiled are the equations of the parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from numbers import Complex, Real
from typing import Any, NoReturn

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.build import tensor
from symdl.express.constants import constant
from symdl.express.dims import Extent, is_whole
from symdl.express.doors import as_tensor, operand
from symdl.express.einsum import einsum
from symdl.express.elementary import atan2, hypot
from symdl.express.naming import checked_name
from symdl.express.operators import axis_indices, broadcast_shapes, elementwise, matmul
from symdl.express.options import Axes
from symdl.express.shaping import broadcast_to, swapaxes
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.express.views import getitem, reshape, transpose

Parts = tuple[Any, Any]
"""Real and imaginary part, each a tensor, or a SymPy number."""


class Arithmetic:
    """Python's operators and brackets on a complex tensor."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves ``array * z`` to it
    _op_priority = 30.0  # and so does SymPy

    def __getitem__(self: Any, key: Any) -> ComplexTensor:
        """A view, as of a real tensor; elements are those of the parts: ``z.re[i, j]``."""
        re, im = (getitem(part, key) for part in self.as_parts())
        if not (isinstance(re, Tensor) and isinstance(im, Tensor)):
            raise ExpressionError(
                f"one element of {self} is two numbers", cure="write z.re[i, j] and z.im[i, j] in a formula"
            )
        return ComplexTensor(re, im)

    def __add__(self, other: Any) -> ComplexTensor:
        return _formula(lambda a, b, c, d: (a + c, b + d), "add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> ComplexTensor:
        return _formula(lambda a, b, c, d: (a - c, b - d), "sub", self, other)

    def __rsub__(self, other: Any) -> ComplexTensor:
        return _formula(lambda a, b, c, d: (c - a, d - b), "sub", self, other)

    def __mul__(self, other: Any) -> ComplexTensor:
        return _formula(lambda a, b, c, d: (a * c - b * d, a * d + b * c), "mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> ComplexTensor:
        return _formula(_quotient, "div", self, other)

    def __rtruediv__(self, other: Any) -> ComplexTensor:
        return _formula(lambda a, b, c, d: _quotient(c, d, a, b), "div", self, other)

    def __pow__(self: Any, exponent: int) -> ComplexTensor:
        """A whole power."""
        if not is_whole(exponent):
            raise ExpressionError(
                f"{self} to the power {exponent!r}", cure="use a whole exponent, or write (p*z.log()).exp()"
            )
        if exponent < 0:
            found: ComplexTensor = 1 / self ** (-exponent)
            return found

        def power(a: sp.Expr, b: sp.Expr) -> Parts:
            real, imaginary = sp.Integer(1), sp.Integer(0)
            for _ in range(int(exponent)):
                real, imaginary = sp.expand(real * a - imaginary * b), sp.expand(real * b + imaginary * a)
            return real, imaginary

        return _formula(power, "pow", self)

    def __neg__(self: Any) -> ComplexTensor:
        found: ComplexTensor = self._each(lambda part: -part)
        return found

    def __pos__(self: Any) -> ComplexTensor:
        tensor: ComplexTensor = self
        return tensor

    def __abs__(self: Any) -> Tensor:
        """The absolute value; at 0 it has no slope (NaN), ``abs(z)**2`` has."""
        found: Tensor = hypot(self.re, self.im)
        return found

    def __matmul__(self, other: Any) -> ComplexTensor:
        return _product(matmul, self, other)

    def __rmatmul__(self, other: Any) -> ComplexTensor:
        return _product(lambda a, b: matmul(b, a), self, other)

    def __bool__(self) -> bool:
        return True

    def _no_order(self, _: object) -> NoReturn:
        raise ExpressionError(
            f"complex numbers have no order: {self}", cure="compare abs(z), z.re, z.im or z.angle()"
        )

    __lt__ = __le__ = __gt__ = __ge__ = _no_order


class ComplexTensor(Arithmetic):
    """A tensor of complex numbers: its parts are real tensors of one shape.

    It has NumPy's arithmetic (``+ - * / @``, whole powers, ``abs``), views, sums, and `conj`, `exp`, `log`
    and `angle`. There is no order of complex numbers, and a loss is real: take ``abs(z)``, or a part.
    A compiled function takes complex arrays and returns them.

    A gradient with respect to ``z`` is ``∂L/∂Re z + i ∂L/∂Im z``, which points uphill: PyTorch's convention.
    JAX's is its conjugate.

    Attributes:
        re, im: the parts, tensors.
        name: by which an array is passed for it, or None.

    Example:
        >>> z = sd.complex_tensor("z", (2,))
        >>> f = sd.compile((abs(z)**2).sum(), wrt=z, target="python")
        >>> value, slopes = f(z=np.array([1 + 2j, 3j]))
        >>> print(value, slopes["z"])
        14.0 [2.+4.j 0.+6.j]
    """

    __slots__ = ("im", "name", "re")

    def __init__(self, re: Tensor, im: Tensor, name: str | None = None) -> None:
        self.re, self.im = re, im
        self.name = None if name is None else checked_name(name)

    def as_parts(self) -> tuple[Tensor, Tensor]:
        """Return real and imaginary part."""
        return self.re, self.im

    @property
    def real(self) -> Tensor:
        """The real part, by NumPy's name."""
        return self.re

    @property
    def imag(self) -> Tensor:
        """The imaginary part, by NumPy's name."""
        return self.im

    @property
    def shape(self) -> tuple[Extent, ...]:
        """The sizes, one an axis."""
        return self.re.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.re.rank

    ndim = rank

    @property
    def T(self) -> ComplexTensor:
        """The tensor with its axes in reverse order."""
        return self.transpose()

    @property
    def H(self) -> ComplexTensor:
        """The conjugate transpose of matrices: the last two axes exchanged."""
        return self._each(lambda part: swapaxes(part, -1, -2)).conj()

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.shape))
        return f"{self.name or 'complex'}({shape})"

    def _each(self, change: Callable[[Tensor], Tensor]) -> ComplexTensor:
        """Return what a function that is linear over the reals makes of each part."""
        return ComplexTensor(change(self.re), change(self.im))

    def conj(self) -> ComplexTensor:
        """The conjugate."""
        return ComplexTensor(self.re, -self.im)

    def angle(self) -> Tensor:
        """The angle in the plane, between -pi and pi."""
        found: Tensor = atan2(self.im, self.re)
        return found

    def exp(self) -> ComplexTensor:
        """The exponential, ``exp(a) (cos b + i sin b)``."""
        return _formula(lambda a, b: (sp.exp(a) * sp.cos(b), sp.exp(a) * sp.sin(b)), "exp", self)

    def log(self) -> ComplexTensor:
        """The principal logarithm."""
        return ComplexTensor(elementwise(sp.log, abs(self), rule="log"), self.angle())

    def sum(self, axis: Axes = None, *, keepdims: bool = False) -> ComplexTensor:
        """The sum over `axis`, all axes by default."""
        return self._each(lambda part: part.sum(axis, keepdims=keepdims))

    def mean(self, axis: Axes = None, *, keepdims: bool = False) -> ComplexTensor:
        """The mean over `axis`, all axes by default."""
        return self._each(lambda part: part.mean(axis, keepdims=keepdims))

    def reshape(self, *shape: Extent | Sequence[Extent]) -> ComplexTensor:
        """Merge or split neighbouring axes; one size may be -1."""
        return self._each(lambda part: reshape(part, *shape))

    def transpose(self, *axes: int | Sequence[int]) -> ComplexTensor:
        """The tensor with its axes permuted, reversed if none are named."""
        return self._each(lambda part: transpose(part, *axes))

    def einsum(self, subscripts: str, *others: Any) -> ComplexTensor:
        """Contract it, as the first factor, with others, complex or real, as `sd.einsum` does."""
        return _product(lambda *parts: einsum(subscripts, *parts), self, *others)


def complex_tensor(name: str, shape: Extent | Sequence[Extent] = ()) -> ComplexTensor:
    """Declare a complex input: ``z = sd.complex_tensor("z", (n, 8))``.

    Its parts are the inputs ``"z_re"`` and ``"z_im"``; a compiled function takes a complex array as ``z`` for
    both.

    Args:
        name: the keyword by which its value is passed.
        shape: sizes, integers or `Dim`.

    Raises:
        ExpressionError: a name that cannot be used.

    Example:
        >>> z = sd.complex_tensor("z", (2,))
        >>> sd.compile(z.conj()*1j, target="python")(z=np.array([1 + 2j, 3]))
        array([2.+1.j, 0.+3.j])
    """
    re, im = (tensor(part, shape) for part in parts_names(checked_name(name)))
    return ComplexTensor(re, im, name)


def as_complex(re: Any, im: Any = 0, *, name: str | None = None) -> ComplexTensor:
    """Put two real tensors together, which broadcast, or let a complex array or number in.

    Args:
        re: the real part; or what is complex by itself, with no `im`.
        im: the imaginary part.
        name: its parts are then called ``name_re`` and ``name_im``.

    Raises:
        ShapeError: the shapes do not broadcast.
        ExpressionError: what is no tensor, array or number.

    Example:
        >>> x = sd.tensor("x", (2,))
        >>> z = sd.as_complex(sd.cos(x), sd.sin(x))
        >>> sd.compile(z*z, target="python")(x=[0, np.pi/4]).round(12)
        array([1.+0.j, 0.+1.j])
    """
    first, second = parts_of(re, "re"), parts_of(im, "im")
    if second[1] != 0 or (first[1] != 0 and second[0] != 0):
        raise ExpressionError(
            "a part of a complex tensor is complex", cure="pass two real ones, or one complex"
        )
    real, imaginary = (as_tensor(part) for part in (first[0], first[1] if second[0] == 0 else second[0]))
    shape = broadcast_shapes(real.shape, imaginary.shape)
    found = [part if part.shape == shape else broadcast_to(part, shape) for part in (real, imaginary)]
    if name is not None:
        where = axis_indices(len(shape))
        found = [
            define(own, where, part.at(*where), shape=shape)
            for own, part in zip(parts_names(checked_name(name)), found, strict=True)
        ]
    return ComplexTensor(found[0], found[1], name)


def parts_names(name: str) -> tuple[str, str]:
    """Return what the parts of a complex tensor are called."""
    return f"{name}_re", f"{name}_im"


def parts_of(value: Any, what: str = "an operand") -> Parts:
    """Return real and imaginary part of whatever can stand for a complex tensor; of a real one the number 0.

    Raises:
        ExpressionError: `value` is no tensor, array or number.
    """
    if isinstance(value, ComplexTensor):
        return value.as_parts()
    if isinstance(value, Complex) and not isinstance(value, Real):
        return operand(float(value.real), what), operand(float(value.imag), what)
    if isinstance(value, sp.Expr) and value.is_number and value.is_extended_real is False:
        real, imaginary = value.as_real_imag()
        return real, imaginary
    if isinstance(value, list | tuple) or (hasattr(value, "dtype") and not isinstance(value, Tensor)):
        import numpy as np  # derivations do without

        array = np.asarray(value)
        if array.dtype.kind == "c":
            if not array.ndim:
                return parts_of(complex(array), what)
            return constant(array.real, what=what), constant(array.imag, what=what)
    return operand(value, what), sp.Integer(0)


def _quotient(a: sp.Expr, b: sp.Expr, c: sp.Expr, d: sp.Expr) -> Parts:
    square = c**2 + d**2
    return (a * c + b * d) / square, (b * c - a * d) / square


def _formula(function: Callable[..., Parts], rule: str, *operands: Any) -> ComplexTensor:
    """Return what a function of the parts of scalars makes of tensors, elementwise."""
    parts = [part for value in operands for part in parts_of(value, rule)]
    found = [elementwise(lambda *p, at=at: function(*p)[at], *parts, rule=rule) for at in (0, 1)]
    return ComplexTensor(found[0], found[1])


def _product(product: Callable[..., Tensor], *factors: Any) -> ComplexTensor:
    """Return a product that is linear in each factor: of all choices of a part of each."""
    totals: list[Any] = [None, None]
    several = [parts_of(factor) for factor in factors]
    for choice in itertools.product((0, 1), repeat=len(several)):
        chosen = [parts[at] for parts, at in zip(several, choice, strict=True)]
        if any(part == 0 for part in chosen if isinstance(part, sp.Expr)):
            continue
        turned = product(*map(as_tensor, chosen))
        at, count = sum(choice) % 2, sum(choice)
        turned = -turned if count % 4 in (2, 3) else turned
        totals[at] = turned if totals[at] is None else totals[at] + turned
    return as_complex(*(0 if total is None else total for total in totals))


def real_tensor(value: Any, what: str) -> Tensor:
    """Return a real tensor.

    Raises:
        ExpressionError: `value` is complex.
    """
    real, imaginary = parts_of(value, what)
    if imaginary != 0:
        raise ExpressionError(f"{what} takes real numbers", cure="pass z.re or abs(z)")
    return as_tensor(real)
