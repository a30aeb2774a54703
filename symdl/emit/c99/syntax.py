"""How C99 is written: the same loops, on pointers to reals and to int64.

Enters: nothing. Leaves: `C`.
"""

from __future__ import annotations

import re

from symdl.emit.spelling import C as SPELLING
from symdl.emit.syntax import NO_ROUTINES, SPECIAL_FUNCTIONS, Syntax
from symdl.errors import EmitError
from symdl.lower.ir.scalars import BINARY, UNARY
from symdl.lower.kernels import Array, Kernel

_OPERATORS = ("neg", "add", "sub", "mul", "div", "pow")
_KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline
int long register restrict return short signed sizeof static struct switch typedef union
unsigned void volatile while bool complex main real memcpy int64_t uint64_t NAN INFINITY
INT64_MIN INT64_C size_t asm fortran scratch room"""
_OWN = """laid_out product rotate angle direction separate normalize eigenvectors orthonormal singular_vectors
log_absolute_determinant determinant_sign larger larger_whole floor_divide modulo clamp plus minus
times negative uniform multiply check copy determinant log_determinant invert cholesky eliminate
inverse_of_erf odd_below bernoulli prepared places outside room_of at count workspace values
rank rank_falling rank_whole rank_whole_falling comes_after comes_after_whole"""
_MATH = """acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs
fdim floor fma fmax fmin fmod frexp gamma hypot ilogb j0 j1 jn ldexp lgamma llrint llround log
log10 log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow remainder remquo
rint round scalbln scalbn signgam sin sinh sqrt tan tanh tgamma trunc y0 y1 yn""".split()
LIBRARY = frozenset(f"{name}{end}" for name in _MATH for end in ("", "f", "l"))
"""What the mathematical library of C has: a file that calls such a name means that library."""
_GENERATED = re.compile(r"[\x00-\x7f]*")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_INCLUDES = re.compile(r"^#include (?:<(?:math|stdint|string|stddef)\.h>|\"[\w.-]+\.h\")$", re.MULTILINE)
_FOREIGN = re.compile(r"\?\?|[\\'\"@`$]|#\s*include|\basm\b|__\w+")


def parameters(kernel: Kernel) -> str:
    """Return the parameters of a kernel with their types."""
    sizes = [f"int64_t {name}" for name in kernel.sizes]
    return ", ".join([*map(_array, kernel.arrays), *sizes, "double *scratch"])


def _array(array: Array) -> str:
    return f"{'' if array.written else 'const '}{'int64_t' if array.integer else 'real'} *{array.slot}"


def inspect(source: str, syntax: Syntax) -> str:
    """Return `source` if it holds nothing but what is generated: no strings, no other files.

    Raises:
        EmitError: it does.
    """
    bare = _INCLUDES.sub("", _COMMENT.sub("", source))
    found = _FOREIGN.search(bare)
    if found or not _GENERATED.fullmatch(bare):
        what = found[0] if found else "a character that is not ASCII"
        raise EmitError(f"generated code holds {what}", cure="please report this with the equations")
    return source


C = Syntax(
    name="c99",
    template="c99/module.jinja",
    simd=None,
    forms=None,
    functions={
        **{name: f"real_{name}" for name in (*UNARY, *BINARY) if name not in _OPERATORS},
        **{name: f"real_{called}" for name, called in SPECIAL_FUNCTIONS.items()},
    },
    wholes={"add": "plus", "sub": "minus", "mul": "times", "neg": "negative"},
    near={},
    own=frozenset(
        (
            *_KEYWORDS.split(),
            *_OWN.split(),
            *(f"real_{name}" for name in (*UNARY, *BINARY, *SPECIAL_FUNCTIONS.values())),
        )
    ),
    owners=frozenset(),
    imports={},
    elsewhere=NO_ROUTINES,
    spelling=SPELLING,
    parameters=parameters,
    scratch="scratch",
    of_dtype={"float32": {"type": "float", "suffix": "f"}, "float64": {"type": "double", "suffix": ""}},
    inspect=inspect,
)
"""C99."""
