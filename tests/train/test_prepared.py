"""Training steps are kept on the model: found again where they are the same, and only there."""

from __future__ import annotations

import gc
import itertools
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.lower.pipeline import lower
from symdl.train.alike import Answer, asked, settings_of
from symdl.train.model import Model
from symdl.train.prepared import MOST
from tests.nn.stepping import KINDS

Data = dict[str, np.ndarray[Any, Any]]
ADAM = nn.Adam(0.02)


class Work:
    """How often a training step was derived and lowered."""

    def __init__(self) -> None:
        self.derived = self.lowered = 0

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            setattr(self, name, getattr(self, name) + 1)
            return function(*args, **options)

        return call

    def taken(self) -> tuple[int, int]:
        found = self.derived, self.lowered
        self.derived = self.lowered = 0
        return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    found = Work()
    monkeypatch.setattr("symdl.differentiate.turns.differentiate", found.counted("derived", differentiate))
    monkeypatch.setattr("symdl.run.build.lower", found.counted("lowered", lower))
    return found


def state_of(model: Model) -> dict[str, Any]:
    assert model.resumable is not None
    values = {**model.parameters, **model.running, **model.resumable.states}
    return {name: np.array(array) for name, array in values.items()}


def fitted(make: Callable[[], Model], fits: Sequence[Callable[[Model], Any]], *, kept: bool) -> list[Any]:
    """Fit again and again; return what each left. Not `kept`: every fit prepares anew."""
    model, found = make(), []
    for fit in fits:
        if not kept:
            model.prepared.steps = ()
        history = fit(model)
        found.append((state_of(model), [e.loss for e in history.epochs], history.epochs[-1].validation_loss))
    return found


class Own:
    """An optimizer of a user, whose setting may change."""

    def __init__(self, decay: float = 0.9) -> None:
        self.decay = decay

    def updates(self, parameters: Sequence[sd.Tensor], gradients: Any) -> Any:
        pairs = []
        for p in parameters:
            v = nn.steps.state(f"{p.name}.v", p)
            new = self.decay * v + gradients[p]
            pairs += [(v, new), (p, p - 0.1 * new)]
        return pairs


STEEP = {"rate": 0.1}


def of_a_variable(step: sp.Expr) -> sp.Expr:
    return sp.Float(STEEP["rate"]) / (1 + step)


SAME: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "nothing": (ADAM, ADAM, {}),
    "an equal optimizer": (ADAM, nn.Adam(0.02), {}),
    "the learning rate": (ADAM, nn.Adam(0.001), {}),
    "a schedule of equal settings": (
        nn.SGD(nn.StepDecay(0.1, every=3)),
        nn.SGD(nn.StepDecay(0.1, every=3)),
        {},
    ),
    "a function of an equal formula": (nn.SGD(lambda s: 0.1 / (1 + s)), nn.SGD(lambda s: 0.1 / (1 + s)), {}),
    "the rate of what is clipped": (nn.Clipped(ADAM, norm=1.0), nn.Clipped(nn.Adam(0.5), norm=1.0), {}),
    "another object of a user's class": (Own(), Own(), {}),
    "batch size": (ADAM, ADAM, {"batch_size": 9}),
    "seed, order, epochs": (ADAM, ADAM, {"seed": 5, "shuffle": False, "epochs": 3}),
    "validation": (ADAM, ADAM, {"validation": 0.2, "patience": 1}),
    "what is watched": (ADAM, ADAM, {"validation": 0.2, "watch": "accuracy"}),
    "resume": (ADAM, ADAM, {"resume": True}),
    "resume, rate": (ADAM, nn.Adam(0.3), {"resume": True}),
    "threads": (ADAM, ADAM, {"threads": 2}),
    "names of what learns": (ADAM, ADAM, {"trainable": lambda name: True}),
}
OTHER: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "kind": (ADAM, nn.RMSProp(0.02), {}),
    "beta1": (ADAM, nn.Adam(0.02, beta1=0.5), {}),
    "weight decay": (nn.SGD(0.1), nn.SGD(0.1, weight_decay=0.01), {}),
    "weight decay of one": (nn.SGD(weight_decay={"first.W": 0.1}), nn.SGD(weight_decay={"first.W": 0.2}), {}),
    "a schedule": (nn.SGD(0.1), nn.SGD(nn.StepDecay(0.1, every=3)), {}),
    "its length": (nn.SGD(nn.StepDecay(0.1, every=3)), nn.SGD(nn.StepDecay(0.1, every=2)), {}),
    "a function": (nn.SGD(lambda s: 0.1 / (1 + s)), nn.SGD(lambda s: 0.1 / (2 + s)), {}),
    "clipping": (ADAM, nn.Clipped(ADAM, norm=1.0), {}),
    "its limit": (nn.Clipped(ADAM, norm=1.0), nn.Clipped(ADAM, norm=2.0), {}),
    "a user's setting": (Own(), Own(0.5), {}),
    "what learns": (ADAM, ADAM, {"trainable": ["second"]}),
}


@pytest.mark.parametrize("changed", [*SAME, *OTHER])
def test_a_second_fit_does_what_a_fresh_one_does(changed: str, network: Any, data: Data, work: Work) -> None:
    """And derives and lowers nothing if only data differ."""
    first, second, options = (SAME | OTHER)[changed]
    counts = []

    def make() -> Model:
        return Model(network[0], output=network[1])

    def one(model: Model) -> Any:
        return model.fit(data, optimizer=first, epochs=2)

    def two(model: Model) -> Any:
        work.taken()
        model.forward("loss")  # what scores is made on its own
        history = model.fit(data, optimizer=second, **{"epochs": 2, **options})
        counts.append(work.taken())
        return history

    kept = fitted(make, (one, two), kept=True)
    fresh = fitted(make, (one, two), kept=False)
    scoring = 1 if {"validation"} & options.keys() else 0
    derived = 0 if changed in SAME else 1
    assert counts == [(derived, derived + scoring), (1, 1 + scoring)]
    for (values, *losses), (others, *their) in zip(kept, fresh, strict=True):
        assert losses == their and values.keys() == others.keys()
        assert all(np.array_equal(values[name], others[name]) for name in values)


def test_settings_that_change_in_place_are_seen(model: Model, data: Data, work: Work) -> None:
    own = Own()
    model.fit(data, optimizer=own)
    model.fit(data, optimizer=own)
    assert work.taken() == (1, 1)
    own.decay = 0.5
    model.fit(data, optimizer=own)
    assert work.taken() == (1, 1)
    STEEP["rate"] = 0.1
    model.fit(data, optimizer=nn.SGD(of_a_variable))
    STEEP["rate"] = 0.2
    model.fit(data, optimizer=nn.SGD(of_a_variable))
    assert work.taken() == (2, 2)


def test_losses_metrics_and_facts_are_part_of_a_step(network: Any, data: Data, work: Work) -> None:
    model = Model(network[0], output=network[1])
    model.fit(data, optimizer=ADAM)
    model.losses[""] = 2 * model.losses[""]
    model.fit(data, optimizer=ADAM)
    assert work.taken() == (2, 2)
    model.metrics["twice"] = 2 * network[0]
    history = model.fit(data, optimizer=ADAM)
    assert work.taken() == (1, 1)
    assert history.epochs[0].values["twice"] == pytest.approx(history.epochs[0].loss, rel=1e-6)


def test_targets_have_steps_of_their_own(model: Model, data: Data, work: Work) -> None:
    for target, steps in (("cpu", 1), ("python", 1), ("cpu", 0), ("python", 0)):
        model.to(target).fit(data, optimizer=ADAM, epochs=1, resume=model.history is not None)
        assert work.taken() == (steps, steps), target


def test_what_the_environment_asks_is_heard(
    model: Model, data: Data, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.fit(data, optimizer=ADAM)
    monkeypatch.setenv("SYMDL_SHOW", "timing")
    model.fit(data, optimizer=ADAM)
    assert "lower" in capsys.readouterr().err


def test_each_of_several_losses_keeps_its_states(work: Work) -> None:
    n = sd.Dim("n")
    x = sd.tensor("x", (n, 2))
    h = nn.dense(x, 3, name="h")
    losses = {"low": (h**2).mean(), "high": ((h - 1) ** 2).mean()}
    data = {"x": np.random.default_rng(0).normal(size=(12, 2))}
    rates = [{"low": nn.Adam(a), "high": nn.Momentum(b)} for a, b in ((0.1, 0.2), (0.3, 0.2), (0.3, 0.4))]
    fits = [
        lambda m, r=r, go=go: m.fit(data, optimizer=r, epochs=2, resume=go)
        for r, go in zip(rates, (False, True, True), strict=True)
    ]
    kept = fitted(lambda: Model(losses), fits, kept=True)
    assert work.taken() == (2, 1)
    fresh = fitted(lambda: Model(losses), fits, kept=False)
    for (values, *_), (others, *_) in zip(kept, fresh, strict=True):
        assert all(np.array_equal(values[name], others[name]) for name in others)


@pytest.mark.parametrize("when", ["before", "while"])
def test_after_an_interrupt_all_goes_on(
    when: str, network: Any, data: Data, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    models = [Model(network[0], output=network[1]) for _ in range(2)]
    callbacks = [interrupt] if when == "while" else []
    with monkeypatch.context() as patched:
        if when == "before":
            patched.setattr("symdl.run.build.lower", interrupt)
        with pytest.raises(KeyboardInterrupt):
            models[0].fit(data, optimizer=ADAM, epochs=2, callbacks=callbacks)
    (step,) = models[0].prepared.steps  # which was derived in any case
    assert ("alone" in vars(step.kernels)) == (when == "while")
    work.taken()
    models[0].fit(data, optimizer=ADAM, epochs=2)
    assert work.taken() == ((0, 0) if when == "while" else (0, 1))
    if when == "while":
        models[1].fit(data, optimizer=ADAM, epochs=1)
    models[1].prepared.steps = ()
    models[1].fit(data, optimizer=ADAM, epochs=2)
    one, two = map(state_of, models)
    assert all(np.array_equal(one[name], two[name]) for name in two)


def test_a_few_steps_are_kept_and_go_with_their_model(network: Any, data: Data, work: Work) -> None:
    model = Model(network[0], output=network[1], target="python")
    small = {name: array[:4] for name, array in data.items()}
    kernels = []
    for beta in range(MOST + 2):
        model.fit(small, optimizer=nn.Adam(0.1, beta1=beta / 10), batch_size=4)
        kernels.append(weakref.ref(model.prepared.steps[0].kernel))
    work.taken()
    model.fit(small, optimizer=nn.Adam(0.1, beta1=0.2), batch_size=4)  # the oldest that is kept
    assert work.taken() == (0, 0) and len(model.prepared.steps) == MOST
    model.fit(small, optimizer=nn.Adam(0.1, beta1=0.9), batch_size=4)
    gc.collect()
    assert [kernel() is None for kernel in kernels] == [True, True, False, True, False, False]
    del model
    gc.collect()
    assert all(kernel() is None for kernel in kernels)


def test_the_history_says_how_long_preparing_took(model: Model, data: Data) -> None:
    start = time.perf_counter()
    history = model.fit(data, optimizer=ADAM, epochs=2)
    whole = time.perf_counter() - start
    assert 0 < history.preparing <= whole - sum(e.seconds for e in history.epochs)
    assert history.to_dict()["preparing"] == history.preparing
    assert f"prepared in {history.preparing:.3g} s" in str(history)


def answer(optimizer: Any, parameters: Sequence[sd.Tensor], gradients: Any) -> Answer:
    return asked(optimizer, parameters, gradients, sd.tensor("L"))


def _wave(steps: int, step: sp.Expr) -> sp.Expr:
    return nn.CosineDecay(0.1, steps=steps)(step)


def test_answers_are_the_same_where_the_equations_are() -> None:
    """Each of these is told from every other; the second of a pair differs in what is no equation."""
    parameters = [sd.parameter("W", (3, 2)), sd.parameter("b", (2,))]
    gradients = {p: sd.tensor(f"g_{p.name}", p.shape) for p in parameters}
    decays: list[Any] = [{"W": 0.1}, {"b": 0.1}, 0.1]
    pairs: list[tuple[Any, Any]] = [
        *((kind(0.1), kind(0.2)) for kind in KINDS),
        (nn.SGD(0.1, maximize=True), nn.SGD(0.2, maximize=True)),
        *((nn.Accumulated(nn.SGD(0.1), n), nn.Accumulated(nn.SGD(0.2), n)) for n in (2, 3)),
        *((nn.ReduceOnPlateau(nn.SGD(0.1), 0.1, n), nn.ReduceOnPlateau(nn.SGD(0.2), 0.1, n)) for n in (2, 3)),
        *(
            (nn.Grouped({"W": o(0.1), "rest": nn.SGD(0.1)}), nn.Grouped({"W": o(0.2), "rest": nn.SGD(0.3)}))
            for o in (nn.SGD, nn.Adam)
        ),
        *((nn.SGD(0.1, weight_decay=d), nn.SGD(0.3, weight_decay=d)) for d in decays),
        *((nn.Adam(0.1, beta2=b), nn.Adam(0.7, beta2=b)) for b in (0.9, 0.99)),
        *((nn.Clipped(nn.SGD(0.1), norm=c), nn.Clipped(nn.SGD(1.0), norm=c)) for c in (1.0, 2.0)),
        *((nn.Clipped(nn.SGD(0.1), value=c), nn.Clipped(nn.SGD(1.0), value=c)) for c in (1.0, 2.0)),
        *((nn.SGD(nn.CosineDecay(0.1, steps=s)), nn.SGD(partial(_wave, s))) for s in (5, 6)),
    ]
    answers = [answer(one, parameters, gradients) for one, _ in pairs]
    for (at, known), (other, (_, second)) in itertools.product(enumerate(answers), enumerate(pairs)):
        assert (known.again(second) is not None) == (at == other), (pairs[at][0], second)


def test_descriptions_of_what_may_change_equal_nothing() -> None:
    assert settings_of(nn.Adam(0.1)) == settings_of(nn.Adam(0.1)) != settings_of(nn.Adam(0.2))
    for value in (
        Own(),
        nn.SGD(of_a_variable),
        nn.Clipped(Own(), norm=1.0),
        nn.SGD(weight_decay=lambda p: 0.1),
    ):
        assert settings_of(value) != settings_of(value)
    assert settings_of(nn.SGD(1)) != settings_of(nn.SGD(1.0)) != settings_of(nn.SGD(np.float32(1)))
