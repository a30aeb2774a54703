"""symdl: networks as equations, their gradients derived, and kernels made from the derivation.

The pipeline, in reading order:

    express        tensors and equations in index notation; array operators that build them
    nn             activations, layers, losses, optimizers, as mathematics
    differentiate  equations to equations: gradients, tangents, and the record of every step
    explain        that record as a derivation: text, LaTeX, HTML
    lower, emit    the same equations as loop nests, schedules and source code
    run            compiled modules, their cache, the reference interpreter
    onnx           models of the ONNX format as equations, and back
    train          data sets, epochs, history
    check          gradients in many ways
    interop        models and functions of other libraries
    fitting        formulas fitted to data, with standard errors
    plots          figures of what networks do
    report         a model as one page
    classroom      a student's gradient held against the derivation
    playground     derivations in a browser
    cli            the command symdl
"""

import importlib
from typing import TYPE_CHECKING, Any

from symdl import nn
from symdl.differentiate.expectations.expectation import expectation
from symdl.differentiate.expectations.normals import Normal
from symdl.differentiate.gradients import grad
from symdl.differentiate.jacobian import hessian, jacobian
from symdl.differentiate.persample import per_sample_grad
from symdl.differentiate.tangent import hvp, jvp
from symdl.differentiate.taylor import taylor
from symdl.errors import SymdlError
from symdl.express.batching import vmap
from symdl.express.build import parameter, parameters, sums_to_one, tensor
from symdl.express.complexes import ComplexTensor, as_complex, complex_tensor
from symdl.express.conditions import equal, isnan, not_equal, where
from symdl.express.constants import constant
from symdl.express.cosines import dct, idct
from symdl.express.decompositions import eigh, lstsq, pinv, qr, svd
from symdl.express.diagonals import diag, diag_embed, eye, trace
from symdl.express.dims import Dim, indices
from symdl.express.distances import cdist, cosine_similarity, norm
from symdl.express.einsum import einsum, tensordot
from symdl.express.elementary import (
    atan2,
    cot,
    coth,
    cross,
    csc,
    hypot,
    log2,
    log10,
    logaddexp,
    sec,
    sinc,
    xlogy,
)
from symdl.express.equations import Equation
from symdl.express.exponential import expm
from symdl.express.facts import fact
from symdl.express.fourier import fft, fft2, fftn, ifft, ifft2, ifftn, irfft, rfft
from symdl.express.frequencies import fft_convolve, fftfreq, fftshift, ifftshift, rfftfreq
from symdl.express.functions import (
    absolute,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    ceil,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    floor,
    log,
    log1p,
    mod,
    power,
    reciprocal,
    rint,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
)
from symdl.express.joining import concatenate, split, stack
from symdl.express.linalg import (
    cholesky,
    det,
    inner,
    inv,
    kron,
    logdet,
    matrix_power,
    outer,
    quadratic,
    slogdet,
    solve,
    solve_triangular,
)
from symdl.express.modes import inference, training_updates
from symdl.express.numeric import (
    cbrt,
    copysign,
    deg2rad,
    entr,
    exp2,
    fmod,
    frac,
    heaviside,
    isclose,
    ldexp,
    lerp,
    logit,
    rad2deg,
    trunc,
    xlog1py,
)
from symdl.express.operators import elementwise, matmul, maximum, minimum
from symdl.express.padding import pad
from symdl.express.patterns import arange, full, tril, triu
from symdl.express.program import Program
from symdl.express.quantiles import (
    median,
    mode,
    nanmax,
    nanmean,
    nanmedian,
    nanmin,
    nanquantile,
    nansum,
    quantile,
)
from symdl.express.recurrent import recurrence
from symdl.express.reducing import argmax, argmin, max, mean, min, prod, sum
from symdl.express.repeating import repeat, roll, tile
from symdl.express.replacing import replace
from symdl.express.scattering import scatter
from symdl.express.selecting import clip, one_hot, take, take_along_axis
from symdl.express.shaping import (
    broadcast_to,
    expand_dims,
    flatten,
    flip,
    meshgrid,
    moveaxis,
    squeeze,
    swapaxes,
)
from symdl.express.sorting import argsort, sort, top_k
from symdl.express.special.own import function
from symdl.express.special.tensors import (
    airy_ai,
    airy_bi,
    besseli,
    besselj,
    besselk,
    bessely,
    beta,
    betainc,
    betaln,
    cosine_integral,
    digamma,
    ellipe,
    ellipk,
    erfc,
    erfinv,
    expi,
    expint,
    gamma,
    gammainc,
    gammaincc,
    gammaln,
    lambertw,
    polygamma,
    sine_integral,
    zeta,
)
from symdl.express.statistics import (
    cummax,
    cummin,
    cumprod,
    cumsum,
    logcumsumexp,
    logsumexp,
    reduction,
    std,
    var,
)
from symdl.express.stopping import stop_gradient
from symdl.express.surface import ArgMax, LogSumExp, Max, Prod, Sum, define
from symdl.express.tensors import Tensor
from symdl.express.views import reshape, transpose
from symdl.nn.activations import (
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from symdl.nn.steps import Goal

if TYPE_CHECKING:
    from symdl import fitting, plots, train
    from symdl.check.curves import error_curve
    from symdl.check.gradients import check_gradients
    from symdl.classroom.annotate import annotate
    from symdl.classroom.compare import compare
    from symdl.explain.derive import derive
    from symdl.explain.documents.collection import Collection
    from symdl.explain.drawings.network import layer_svg, unit_svg
    from symdl.explain.drawings.plots import activation_figure, two_spaces
    from symdl.explain.notation.styles import Style
    from symdl.explain.stories.components import components, generic_gradient, generic_jacobian
    from symdl.explain.stories.compose import compose
    from symdl.explain.stories.expected import derive_expectation
    from symdl.explain.stories.formula import formula
    from symdl.explain.stories.origin import origin
    from symdl.explain.stories.updates import update_rules
    from symdl.explain.worksheet import worksheet
    from symdl.fitting.fit import fit
    from symdl.interop.jax import to_jax
    from symdl.interop.scipy.flat import flat
    from symdl.interop.torch import to_torch
    from symdl.onnx.reading import from_onnx
    from symdl.onnx.writing.model import to_onnx
    from symdl.run.compile import compile
    from symdl.run.storage import bfloat16
    from symdl.targets import target
    from symdl.train.model import Model, load

__version__ = "0.1.0"

_LATER = {
    "activation_figure": "symdl.explain.drawings.plots",
    "annotate": "symdl.classroom.annotate",
    "bfloat16": "symdl.run.storage",
    "check_gradients": "symdl.check.gradients",
    "Collection": "symdl.explain.documents.collection",
    "compare": "symdl.classroom.compare",
    "compile": "symdl.run.compile",
    "components": "symdl.explain.stories.components",
    "compose": "symdl.explain.stories.compose",
    "derive": "symdl.explain.derive",
    "derive_expectation": "symdl.explain.stories.expected",
    "error_curve": "symdl.check.curves",
    "fit": "symdl.fitting.fit",
    "fitting": "symdl.fitting",
    "flat": "symdl.interop.scipy.flat",
    "formula": "symdl.explain.stories.formula",
    "from_onnx": "symdl.onnx.reading",
    "generic_gradient": "symdl.explain.stories.components",
    "generic_jacobian": "symdl.explain.stories.components",
    "layer_svg": "symdl.explain.drawings.network",
    "origin": "symdl.explain.stories.origin",
    "load": "symdl.train.model",
    "Model": "symdl.train.model",
    "plots": "symdl.plots",
    "Style": "symdl.explain.notation.styles",
    "target": "symdl.targets",
    "to_jax": "symdl.interop.jax",
    "to_onnx": "symdl.onnx.writing.model",
    "to_torch": "symdl.interop.torch",
    "train": "symdl.train",
    "two_spaces": "symdl.explain.drawings.plots",
    "unit_svg": "symdl.explain.drawings.network",
    "update_rules": "symdl.explain.stories.updates",
    "worksheet": "symdl.explain.worksheet",
}
"""What not everybody needs is imported on first use: kernels need no pages, and a derivation no Numba."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'symdl' has no attribute {name!r}")
    module = importlib.import_module(_LATER[name])
    return module if name in ("train", "fitting", "plots") else getattr(module, name)


def _shown_in_notebooks(tensor: Tensor) -> Any:
    """Return the LaTeX of a tensor: its formula, by pages that are imported when one is asked for."""
    return importlib.import_module("symdl.explain.stories.formula").shown_in_notebooks(tensor)


def _cell(kind: str) -> Any:
    """Return what makes the LaTeX of an object of a kind, by pages that are imported when they are needed."""

    def shown(value: Any) -> Any:
        return getattr(importlib.import_module("symdl.explain.stories.cells"), f"{kind}_cell")(value)

    return shown


# Notebooks ask; `express` and `nn` know no pages.
Tensor._repr_latex_ = _shown_in_notebooks  # type: ignore[attr-defined]
Program._repr_latex_ = _cell("program")  # type: ignore[attr-defined]
Equation._repr_latex_ = _cell("equation")  # type: ignore[attr-defined]
Goal._repr_latex_ = _cell("optimizer")  # type: ignore[attr-defined]


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ArgMax",
    "Collection", "ComplexTensor",
    "Dim",
    "LogSumExp",
    "Max", "Model",
    "Normal",
    "Prod",
    "Style", "Sum", "SymdlError",
    "Tensor",
    "absolute", "acos", "acosh", "activation_figure", "airy_ai", "airy_bi", "annotate", "arange", "argmax",
    "argmin", "argsort", "as_complex", "asin", "asinh", "atan", "atan2", "atanh",
    "besseli", "besselj", "besselk", "bessely", "beta", "betainc", "betaln", "bfloat16", "broadcast_to",
    "cbrt", "cdist", "ceil", "check_gradients", "cholesky", "clip", "compare", "compile", "complex_tensor",
    "components", "compose", "concatenate", "constant", "copysign", "cos", "cosh", "cosine_integral",
    "cosine_similarity", "cot", "coth", "cross", "csc", "cummax", "cummin", "cumprod", "cumsum",
    "dct", "define", "deg2rad", "derive", "derive_expectation", "det", "diag", "diag_embed", "digamma",
    "eigh", "einsum", "elementwise", "ellipe", "ellipk", "entr", "equal", "erf", "erfc", "erfinv",
    "error_curve", "exp", "exp2", "expand_dims", "expectation", "expi", "expint", "expm", "expm1", "eye",
    "fact", "fft", "fft2", "fft_convolve", "fftfreq", "fftn", "fftshift", "fit", "fitting", "flat", "flatten",
    "flip", "floor", "fmod", "formula", "frac", "from_onnx", "full", "function",
    "gamma", "gammainc", "gammaincc", "gammaln", "generic_gradient", "generic_jacobian", "grad",
    "heaviside", "hessian", "hvp", "hypot",
    "idct", "ifft", "ifft2", "ifftn", "ifftshift", "indices", "inference", "inner", "inv", "irfft", "isclose",
    "isnan",
    "jacobian", "jvp",
    "kron",
    "lambertw", "layer_svg", "ldexp", "leaky_relu", "lerp", "load", "log", "log10", "log1p", "log2",
    "log_softmax", "logaddexp", "logcumsumexp", "logdet", "logit", "logsumexp", "lstsq",
    "matmul", "matrix_power", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "mode",
    "moveaxis",
    "nanmax", "nanmean", "nanmedian", "nanmin", "nanquantile", "nansum", "nn", "norm", "not_equal",
    "one_hot", "origin", "outer",
    "pad", "parameter", "parameters", "per_sample_grad", "pinv", "plots", "polygamma", "power", "prod",
    "qr", "quadratic", "quantile",
    "rad2deg", "reciprocal", "recurrence", "reduction", "relu", "repeat", "replace", "reshape", "rfft",
    "rfftfreq", "rint", "roll", "rsqrt",
    "scatter", "sec", "sigmoid", "sign", "sin", "sinc", "sine_integral", "sinh", "slogdet", "softmax",
    "softplus", "solve", "solve_triangular", "sort", "split", "sqrt", "square", "squeeze", "stack", "std",
    "stop_gradient", "sum", "sums_to_one", "svd", "swapaxes",
    "take", "take_along_axis", "tan", "tanh", "target", "taylor", "tensor", "tensordot", "tile", "to_jax",
    "to_onnx", "to_torch", "top_k", "trace", "train", "training_updates", "transpose", "tril", "triu",
    "trunc", "two_spaces",
    "unit_svg", "update_rules",
    "var", "vmap",
    "where", "worksheet",
    "xlog1py", "xlogy",
    "zeta",
]  # fmt: skip
