"""Names: how they are set, and that nothing of a name is LaTeX."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.explain.notation.letters import labels_of
from symdl.explain.notation.names import label_latex, label_of, label_text
from symdl.explain.stories.network import find
from symdl.express.build import parameter, tensor
from symdl.express.program import collect
from symdl.nn.regression import mean_squared_error


@pytest.mark.parametrize(
    ("name", "latex", "text"),
    [
        ("X", "X", "X"),
        ("first.W", r"W^{(\mathrm{first})}", "first.W"),
        ("theta_1", r"\theta_1", "θ₁"),
        ("theta_1_p+1", r"\theta_{1_{p+1}}", "θ_1_p+1"),
        ("yhat_i", r"\hat y_i", "ŷ_i"),
        ("x_hat", r"\hat x", "x̂"),
        ("W2", "W_2", "W₂"),
        ("Delta_i", r"\Delta_i", "Δ_i"),
        ("loss", r"\mathrm{loss}", "loss"),
        ("v_max", r"v_{\mathrm{max}}", "v_max"),
        ("λ", r"\lambda", "λ"),
        ("_private", r"\mathrm{\_private}", "_private"),
        ("100%", r"\mathrm{100\%}", "100%"),
    ],
)
def test_setting(name: str, latex: str, text: str) -> None:
    import unicodedata

    assert label_latex(label_of(name)) == latex
    assert unicodedata.normalize("NFC", label_text(label_of(name))) == text


@given(st.text(min_size=1, max_size=12))
def test_no_name_becomes_latex(name: str) -> None:
    shown = label_latex(label_of(name))
    assert shown.isascii()
    commands = re.findall(r"\\[a-zA-Z]+", shown)
    greek = (
        r"\\[A-Z]?[a-z]*(alpha|eta|amma|elta|psilon|heta|ota|appa|ambda|mu|nu|xi|pi|rho|igma|tau|hi|si|mega)"
    )
    known = r"\\(mathrm|backslash|hat|tilde|vec|dot|sim|text|ell)"
    assert all(re.fullmatch(f"{greek}|{known}", command, re.IGNORECASE) for command in commands), shown
    bare = re.sub(r"\\.", "", shown)
    assert not set(bare) & set("$%&#~")
    assert bare.count("{") == bare.count("}")


def test_two_names_that_look_alike_are_told_apart() -> None:
    one, two = tensor("W1"), tensor("W_1")
    labels = labels_of(collect([one + two]))
    assert labels[one] != labels[two]
    assert label_latex(labels[one]) != label_latex(labels[two])


def test_losses_of_one_name_are_told_apart() -> None:
    x, y = tensor("x", (3,)), tensor("y", (3,))
    parts = [mean_squared_error(x, y), mean_squared_error(2 * x, y)]
    total = parts[0] + parts[1]
    labels = labels_of(collect([total]))
    assert len({label_text(labels[t]) for t in parts}) == 2
    assert {label_text(labels[t]) for t in parts} <= {"L", "L₂"}


def test_a_parameter_is_found_before_what_is_called_the_same() -> None:
    w = parameter("L", (3,))
    loss = mean_squared_error(w, tensor("y", (3,)))
    assert loss.name == w.name
    assert find(loss, "L") is w
