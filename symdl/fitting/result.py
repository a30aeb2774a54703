"""What a fit is asked.

Enters: a problem and its solution. Leaves: `Fit`: curves, bands, intervals, quantities; it shows itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from symdl.errors import FittingError
from symdl.explain.documents.derivation import Derivation
from symdl.fitting import report
from symdl.fitting.bands import Band, band
from symdl.fitting.drawing import figure
from symdl.fitting.formulas import put_in, read_formula
from symdl.fitting.intervals import linear, profile
from symdl.fitting.outcome import Outcome
from symdl.fitting.parameters import choose, name_of
from symdl.fitting.points import given
from symdl.fitting.quantities import Estimate, propagated
from symdl.fitting.story import derivation
from symdl.fitting.warnings import found_in


class Fit(Outcome):
    """A fitted formula; `symdl.fit` makes it. Printing it shows the report.

    Its numbers are those of `Outcome`: ``values``, ``errors``, ``covariance``, ``quality``, ``residuals``.
    """

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be known before the numbers are used; empty if all is well."""
        return found_in(self)

    def predict(self, at: Mapping[Any, Any] | None = None, *, of: Any = None, **data: Any) -> Any:
        """Return the fitted formula at other data: ``fit.predict(x=grid)``.

        Args:
            at: data by name or symbol, as well; what is not given is as it was measured.
            of: which quantity, where several were measured.
            data: arrays, or numbers, that broadcast.

        Raises:
            FittingError: names or shapes do not fit.
        """
        where = given(self.problem, at, data, of)
        return where.at(self.problem, self.solution.x)[0][()]

    def band(
        self,
        at: Mapping[Any, Any] | None = None,
        *,
        level: float = 0.95,
        prediction: bool = False,
        sigma: Any = None,
        of: Any = None,
        **data: Any,
    ) -> Band:
        """Return the fitted curve with its confidence band: ``fit.band(x=grid)``.

        The band holds the true curve at each point with probability `level`, if the formula is right:
        ``value ± t sqrt(J C J')``.

        Args:
            at, of, data: as for `predict`.
            level: the probability.
            prediction: a band for one more measured value, whose own spread is added.
            sigma: for a prediction: the uncertainty of that value, where those of the data differ.

        Raises:
            FittingError: names or shapes do not fit, or the data leave parameters open that matter.
        """
        where = given(self.problem, at, data, of)
        value, jacobian = where.at(self.problem, self.solution.x)
        noise = where.noise(self, sigma) if prediction else 0.0
        return band(value, jacobian, self.covariance, self.reach(level), noise)

    def intervals(
        self, *parameters: Any, level: float = 0.95, method: Literal["profile", "linear"] = "profile"
    ) -> dict[str, tuple[float, float]]:
        """Return confidence intervals of free parameters, all or those that are named.

        Args:
            parameters: names or symbols; ``"W[0,1]"`` for an element of a tensor.
            level: the probability.
            method: ``"profile"``: as far as the sum of squares says, minimised over all others, so an
                interval need not be symmetric; ``"linear"``: ``value ± t error``.

        Raises:
            FittingError: no such parameter, or no profile, as for a loss other than squares.
        """
        labels = [name_of(p) for p in parameters] or list(self.labels)
        if method not in ("profile", "linear"):
            raise FittingError(f"method={method!r}", cure=choose(["'profile'", "'linear'"]))
        places = [self.problem.parameters.place(label) for label in labels]
        wide = self.reach(level)
        one = profile if method == "profile" else linear
        return {label: one(self, place, wide) for label, place in zip(labels, places, strict=True)}

    def quantity(self, formula: Any) -> Estimate:
        """Return the value and standard error of something computed from the parameters.

        ``fit.quantity(sp.log(2)/b)`` is a half-life with the error that follows from those of all parameters
        and their correlations. Arrays of tensor formulas have errors of the same shape.

        Raises:
            FittingError: the formula reads something that is no parameter.
        """
        parameters = self.problem.parameters
        whole = put_in(read_formula(formula), parameters.tied)
        return propagated(whole, parameters, self.solution.x, self.covariance)

    def plot(self, *, level: float = 0.95, prediction: bool = False) -> Any:
        """Draw data, curve and confidence band, and residuals below; sets side by side.

        Formulas of several variables, and tensors, are drawn as measured against fitted values.

        Args:
            level: the probability of the band.
            prediction: draw the band for one more measured value, too.

        Returns:
            The ``matplotlib.figure.Figure``.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        return figure(self, level=level, prediction=prediction)

    def derive(self) -> Derivation:
        """Return the mathematics of this fit as a page.

        It states the formula, its Jacobian, the normal equations and the propagation of errors, with numbers.
        """
        return derivation(self)

    def latex(self) -> str:
        """Return the formulas and the table of values and errors as LaTeX."""
        return report.as_latex(report.report(self))

    def _repr_html_(self) -> str:
        return report.as_html(report.report(self))

    def __str__(self) -> str:
        return report.as_text(report.report(self))

    def __repr__(self) -> str:
        return str(self)
