"""Update rules as mathematics: symbols for settings, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.explain.notation.settings import with_symbols
from symdl.explain.sections import Table
from symdl.express.program import collect
from symdl.nn.protocol import updates_of
from symdl.run.reference.interpreter import outputs

GOLDEN = Path(__file__).parents[1] / "golden" / "updates.txt"

OPTIMIZERS: dict[str, sd.nn.Optimizer] = {
    "SGD": sd.nn.SGD(0.1, weight_decay=0.01),
    "Momentum": sd.nn.Momentum(0.1, momentum=0.8),
    "Nesterov": sd.nn.Nesterov(0.1),
    "RMSProp": sd.nn.RMSProp(0.05),
    "Adagrad": sd.nn.Adagrad(0.05),
    "Adam": sd.nn.Adam(0.05),
    "AdamW": sd.nn.AdamW(0.05),
    "Lion": sd.nn.Lion(0.05, weight_decay=0.1),
    "dampening": sd.nn.Momentum(0.1, dampening=0.5),
    "maximize": sd.nn.SGD(0.1, maximize=True),
    "RMSProp, centered": sd.nn.RMSProp(0.05, momentum=0.8, centered=True),
    "Adadelta": sd.nn.Adadelta(0.5),
    "Adafactor": sd.nn.Adafactor(0.05, weight_decay=0.1),
    "AMSGrad": sd.nn.Adam(0.05, amsgrad=True),
    "NAdam": sd.nn.NAdam(0.05),
    "RAdam": sd.nn.RAdam(0.05, beta2=0.95),
    "Adamax": sd.nn.Adamax(0.05),
    "LAMB": sd.nn.LAMB(0.05, weight_decay=0.1),
    "Accumulated": sd.nn.Accumulated(sd.nn.SGD(0.1), 4),
    "Averaged": sd.nn.Averaged(sd.nn.SGD(0.1), 0.95),
    "ReduceOnPlateau": sd.nn.ReduceOnPlateau(sd.nn.SGD(0.05), 0.5, patience=3, every=8, minimum=0.01),
    "Grouped": sd.nn.Grouped({"W": sd.nn.Adam(0.05), "rest": sd.nn.SGD(0.1)}),
    "value": sd.nn.Clipped(sd.nn.SGD(0.1), value=0.5),
    "norm": sd.nn.Clipped(sd.nn.Adam(0.1), norm=0.5),
    "cosine": sd.nn.Adam(sd.nn.CosineDecay(0.1, steps=10, minimum=0.01)),
    "warm": sd.nn.SGD(sd.nn.WarmUp(sd.nn.StepDecay(0.1, every=2), steps=3)),
    "exponential": sd.nn.SGD(sd.nn.ExponentialDecay(0.1, factor=0.9)),
}


def stepped(optimizer: Any, constants: dict[str, float]) -> list[np.ndarray[Any, Any]]:
    W = sd.parameter("W", (2, 3))
    slope = sd.tensor("g", W.shape)
    pairs = updates_of(optimizer, [W], {W: slope}, sd.tensor("L"))
    program = collect([new for _, new in pairs])
    rng = np.random.default_rng(0)
    given = {
        t.name: rng.uniform(0.5, 1.5, t.shape)
        for t in sorted(program.inputs, key=lambda t: str(t.name))
        if t.role != "constant" and str(t.name).rpartition(".")[2] not in ("learning_rate", "step")
    }
    names = {str(t.name) for t in program.inputs}
    kinds = {"learning_rate": 0.05, "step": 4.0}
    fixed: dict[str, Any] = {n: kinds[n.rpartition(".")[2]] for n in names if n.rpartition(".")[2] in kinds}
    fixed |= constants
    return list(outputs(program, given | {n: np.array(v) for n, v in fixed.items() if n in names}))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_symbols_change_nothing(name: str) -> None:
    optimizer = OPTIMIZERS[name]
    symbolic, values = with_symbols(optimizer, rate="eta")
    rate = {"learning_rate": next((v for t, v in values.items() if t.name == "eta"), 0.05)}
    numbers = stepped(optimizer, rate)
    symbols = stepped(symbolic, {str(t.name): v for t, v in values.items()})
    for one, other in zip(numbers, symbols, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_prints_without_numbers_but_its_own(name: str) -> None:
    rules = sd.update_rules(OPTIMIZERS[name], [sd.parameter("W", (2, 3)), sd.parameter("b", (3,))])
    assert rules.latex() and rules.data()
    lines = rules.text().split("Settings")[0]
    assert not any(text in lines for text in ("/10", "999", "0.1", "100"))


def test_the_lines_of_all(request: pytest.FixtureRequest) -> None:
    parameters = [sd.parameter("W", (2, 3)), sd.parameter("b", (3,))]
    pages = [f"{n}\n\n{sd.update_rules(o, parameters).text(width=110)}" for n, o in OPTIMIZERS.items()]
    shown = "\n\n\n".join("\n".join(map(str.rstrip, page.split("\n"))) for page in pages) + "\n"
    if request.config.getoption("--update"):
        GOLDEN.write_text(shown, "utf-8")
    assert shown == GOLDEN.read_text("utf-8"), "pytest --update accepts new lines; read the diff"


def test_adam_reads_as_in_the_paper() -> None:
    rules = sd.update_rules(sd.nn.Adam(1e-3), [sd.parameter("W", (2, 3))])
    shown = " ".join(rules.text(width=200).split())
    for line in (
        "W.m_p+1 = β₁·W.m_p + (1 - β₁)·∇_W L",
        "W.v_p+1 = β₂·W.v_p + (1 - β₂)·(∇_W L)∘²",
        "c₁ = 1/(1 - β₁^t_p+1)",
        "W_p+1[i,j] = W_p[i,j] - η·c₁·W.m_p+1[i,j]/(√(c₂·W.v_p+1[i,j]) + ε)",
        "η 0.001 β₁ 0.9 β₂ 0.999 ε 1e-08",
    ):
        assert line in shown
    latex = rules.latex()
    assert r"m^{(W)}_{p+1} &= \beta_1 m^{(W)}_p + (1 - \beta_1) \nabla_W L" in latex
    assert r"\item[$\beta_2$] 0.999" in latex


def test_settings_tell_the_values_of_what_is_shown_only() -> None:
    (table,) = [
        s for s in sd.update_rules(sd.nn.SGD(0.1), [sd.parameter("w", ())]).shown if isinstance(s, Table)
    ]
    assert [row[1] for row in table.rows] == ["0.1"]


def test_weight_decays_by_name_are_symbols() -> None:
    w, v, b = (sd.parameter(name, (2,)) for name in "wvb")
    shown = str(sd.update_rules(sd.nn.AdamW(0.01, weight_decay={"w": 0.1, "v": 0.3, "b": 0.0}), [w, v, b]))
    assert "λ·w_p[i]" in shown and "λ₂·v_p[i]" in shown and "λ·b_p[i]" not in shown
    assert "1/10" not in shown and "3/10" not in shown
    same = str(sd.update_rules(sd.nn.SGD(0.01, weight_decay={"w": 0.1, "v": 0.1}), [w, v]))
    assert "λ·w_p" in same and "λ·v_p" in same and "λ₂" not in same
    assert "λ" in str(sd.update_rules(sd.nn.SGD(0.01, weight_decay=np.float32(0.5)), [w]))
