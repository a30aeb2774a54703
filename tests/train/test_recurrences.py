"""Training recurrent networks: states that are computed again leave every step as it was."""

from __future__ import annotations

import numpy as np

from symdl import nn
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.train.model import Model


def losses(every: int | None) -> list[float]:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 12, 2))
    values = {"x": data, "lengths": rng.integers(1, 13, 40), "y": data.sum((1, 2))[:, None]}
    n = Dim("n")
    x, lengths = tensor("x", (n, 12, 2)), tensor("lengths", (n,), dtype="int64")
    h = nn.gru(x, 4, name="r", lengths=lengths, checkpoint=every)
    prediction = nn.dense(nn.last_state(h), 1, name="out")
    model = Model(nn.mean_squared_error(prediction, tensor("y", (n, 1))), output=prediction, dtype="float64")
    history = model.fit(values, optimizer=nn.Adam(1e-2), batch_size=16, epochs=3, progress=False)
    return [epoch.loss for epoch in history.epochs]


def test_training_with_fewer_states_is_the_same() -> None:
    plain, segments = losses(None), losses(4)
    np.testing.assert_allclose(segments, plain, rtol=1e-10)
    assert plain[-1] < plain[0]


def test_checks_of_positions_before_a_recurrence_are_left_out() -> None:
    """They are done once for all data; the recurrence then begins earlier in the step."""
    n = Dim("n")
    numbers = {name: tensor(name, (n,), dtype="int64") for name in ("steps", "letters")}
    labels, x = tensor("labels", (n, 2), dtype="int64"), tensor("x", (n, 5, 3))
    loss = nn.ctc(
        nn.dense(x, 4, name="out"),
        labels,
        input_lengths=numbers["steps"],
        label_lengths=numbers["letters"],
    )
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(8, 5, 3)), "labels": rng.integers(1, 4, (8, 2))}
    data |= {"steps": rng.integers(4, 6, 8), "letters": rng.integers(0, 3, 8)}
    found = []
    for target in ("cpu", "python"):
        model = Model(loss, dtype="float64", target=target)
        model.fit(data, optimizer=nn.SGD(0.1), batch_size=3, shuffle=False, progress=False)
        found.append(model.parameters["out.W"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10)
