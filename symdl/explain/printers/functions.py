r"""Functions and how each printer writes them: one table.

Enters: the name of a function in a formula. Leaves: its name in LaTeX, in Unicode and in ASCII.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from symdl.explain.notation.names import braced, word_latex

_PLAIN = "sin cos tan cot sec csc sinh cosh tanh coth log exp".split()


@dataclass(frozen=True, slots=True)
class Written:
    """A function's name in LaTeX, in Unicode and in ASCII."""

    latex: str
    text: str
    ascii: str = ""


_TABLE = {
    **{name: Written(f"\\{name}", name) for name in _PLAIN},
    "asin": Written(r"\arcsin", "asin"),
    "acos": Written(r"\arccos", "acos"),
    "atan": Written(r"\arctan", "atan"),
    "sqrt": Written(r"\sqrt", "√", "sqrt"),
    "sigmoid": Written(r"\sigma", "σ", "sigmoid"),
    "Max": Written(r"\max", "max"),
    "Min": Written(r"\min", "min"),
    "Abs": Written(r"\operatorname{abs}", "abs"),
    "gamma": Written(r"\Gamma", "Γ", "gamma"),
    "loggamma": Written(r"\log\Gamma", "log Γ", "loggamma"),
    "digamma": Written(r"\psi", "ψ", "digamma"),
    "trigamma": Written(r"\psi'", "ψ′", "trigamma"),
    "polygamma": Written(r"\psi", "ψ", "polygamma"),
    "beta": Written(r"\mathrm{B}", "B", "beta"),
    "betaln": Written(r"\log\mathrm{B}", "log B", "betaln"),
    "gammainc": Written(r"\operatorname{P}", "P", "gammainc"),
    "gammaincc": Written(r"\operatorname{Q}", "Q", "gammaincc"),
    "betainc": Written(r"\operatorname{I}", "I", "betainc"),
    "zeta": Written(r"\zeta", "zeta"),
    "LambertW": Written(r"\operatorname{W}", "W", "LambertW"),
    "sign": Written(r"\operatorname{sgn}", "sgn"),
    **{f"bessel{c}": Written(rf"\operatorname{{{c.upper()}}}", f"bessel{c}") for c in "jyik"},
    "Phi": Written(r"\Phi", "Φ", "Phi"),
    "phi": Written(r"\varphi", "φ", "phi"),
    "trace": Written(r"\operatorname{tr}", "tr"),
    "inverse": Written(r"\operatorname{inv}", "inv"),
    "cholesky": Written(r"\operatorname{chol}", "chol"),
    "determinant": Written(r"\det", "det"),
    "eigenvalues": Written(r"\operatorname{eigenvalues}", "eigenvalues"),
    "eigenvectors": Written(r"\operatorname{eigenvectors}", "eigenvectors"),
    "orthogonal": Written(r"\operatorname{qr}_Q", "qr_Q"),
    "triangular": Written(r"\operatorname{qr}_R", "qr_R"),
    "left_vectors": Written(r"\operatorname{svd}_U", "svd_U"),
    "singular_values": Written(r"\operatorname{svd}_S", "svd_S"),
    "right_vectors": Written(r"\operatorname{svd}_{V^\top}", "svd_Vᵀ", "svd_Vh"),
    "Mod": Written(r"\operatorname{mod}", "mod"),
    "StopGradient": Written(r"\operatorname{sg}", "sg"),
    "RandomUniform": Written(r"\operatorname{uniform}", "uniform"),
    "Exp": Written(r"\exp", "exp"),
    **{f"{name}function": Written(rf"\operatorname{{{name}}}", name) for name in ("digamma", "trigamma")},
    "gammafunction": Written(r"\operatorname{gamma}", "gamma"),
    "diagonal": Written(r"\operatorname{diag}", "diag"),
    "unit": Written(r"\operatorname{diag}", "diag"),
}


def is_operator(name: str) -> bool:
    """Say whether a function has a name in the table, so that a power may stand at the name."""
    return name in _TABLE


def in_latex(name: str) -> str:
    """Return a function's name in LaTeX; a word that is not in the table is set upright."""
    written = _TABLE.get(name)
    if written:
        return written.latex
    plain, above = _derived(name)
    letter = len(plain) == 1 and plain.isascii() and plain.isalpha()
    base = plain if letter else rf"\operatorname{{{word_latex(plain, verbatim=True)[8:-1]}}}"
    above = r"\prime" * above.count("'") or above
    return base + (f"^{braced(above)}" if above else "")


def in_text(name: str, *, ascii: bool = False) -> str:
    """Return a function's name in text."""
    written = _TABLE.get(name)
    if written is None:
        plain, above = _derived(name)
        if ascii:
            return name
        return plain + above.translate(str.maketrans("'0123456789()", "′⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾"))
    return (written.ascii or written.text) if ascii else written.text


def _derived(name: str) -> tuple[str, str]:
    """Split ``f''`` and ``f^(4)`` into the name of the function and what stands above it."""
    found = re.fullmatch(r"(\w+)(?:('+)|\^(\(\d+\)))", name)
    return (found[1], found[2] or found[3]) if found else (name, "")
