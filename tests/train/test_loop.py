"""The loop, driven by a kernel that follows a script."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from symdl.errors import TrainingError
from symdl.train.history import Epoch
from symdl.train.loop import Plan, Result, Score, run
from symdl.train.progress import Progress, Quiet


class Scripted:
    """Every epoch adds one to the weight and has the next loss of the script."""

    def __init__(self, losses: Sequence[float], batch_size: int, spoil: float = 0.0) -> None:
        self.weights = {"w": np.zeros(2, np.float32)}
        self.losses, self.size, self.spoil = list(losses), batch_size, spoil
        self.seen: list[NDArray[np.int64]] = []
        self.calls = 0
        self.totals = np.zeros(1)

    def run(self, order: NDArray[np.int64], first: int = 0, last: int | None = None) -> float:
        batches = -(-len(order) // self.size)
        last = batches if last is None else last
        self.calls += 1
        if first == 0:
            self.seen.append(order.copy())
            self.weights["w"] += 1
        loss = self.losses[len(self.seen) - 1]
        if not math.isfinite(loss) or self.spoil == len(self.seen):
            self.weights["w"][0] = np.nan
        total = loss * (min(last * self.size, len(order)) - first * self.size)
        self.totals = np.array([total])
        return total


class Watching(Quiet):
    """A bar that remembers what it showed."""

    live = True

    def __init__(self) -> None:
        self.samples = 0
        self.losses: list[float] = []

    def advance(self, samples: int, loss: float) -> None:
        self.samples += samples
        self.losses.append(loss)


def planned(
    kernel: Scripted,
    *,
    validation: Sequence[float] | None = None,
    patience: int | None = None,
    restore: bool = False,
    after: Sequence[Callable[[Epoch], bool]] = (),
    samples: int = 10,
    progress: Progress | None = None,
) -> Result:
    scores = iter([Score(loss, 0.5) for loss in validation or ()])
    plan = Plan(
        kernel=kernel,
        weights=kernel.weights,
        positions=np.arange(samples) * 2,
        batch_size=kernel.size,
        epochs=len(kernel.losses),
        shuffle=True,
        rng=np.random.default_rng(0),
        validate=None if validation is None else lambda: next(scores),
        after_epoch=after,
        patience=patience,
        restore=restore,
    )
    return run(plan, progress or Quiet())


def test_one_call_an_epoch() -> None:
    kernel = Scripted([3.0, 2.0, 1.0], 4)
    result = planned(kernel)
    assert kernel.calls == 3
    assert [e.loss for e in result.epochs] == [3.0, 2.0, 1.0]
    assert (result.best_epoch, result.stopped) == (3, "all epochs are done")
    assert all(e.samples_per_second == pytest.approx(10 / e.seconds) for e in result.epochs)


def test_epochs_have_orders_of_their_own_over_the_same_samples() -> None:
    kernel = Scripted([1.0] * 4, 4)
    planned(kernel)
    assert all(sorted(order) == list(range(0, 20, 2)) for order in kernel.seen)
    assert len({tuple(order) for order in kernel.seen}) == 4


@given(st.integers(1, 40), st.integers(1, 12))
def test_a_bar_changes_neither_batches_nor_losses(samples: int, size: int) -> None:
    plain, shown = Scripted([2.0, 1.0], size), Scripted([2.0, 1.0], size)
    bar = Watching()
    one = planned(plain, samples=samples)
    two = planned(shown, samples=samples, progress=bar)
    assert bar.samples == 2 * samples
    assert bar.losses[-1] == pytest.approx(1.0)
    assert [e.loss for e in two.epochs] == pytest.approx([e.loss for e in one.epochs])
    for a, b in zip(plain.seen, shown.seen, strict=True):
        np.testing.assert_array_equal(a, b)


@given(
    st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0]), min_size=1, max_size=12),
    st.one_of(st.none(), st.integers(1, 4)),
    st.booleans(),
    st.booleans(),
)
def test_early_stopping_and_best_weights(
    losses: list[float], patience: int | None, validated: bool, restore: bool
) -> None:
    kernel = Scripted([5.0] * len(losses) if validated else losses, 4)
    result = planned(kernel, validation=losses if validated else None, patience=patience, restore=restore)
    expected = len(losses)
    for number in range(1, len(losses) + 1):
        if patience and number - 1 - int(np.argmin(losses[:number])) >= patience:
            expected = number
            break
    assert len(result.epochs) == expected
    assert result.best_epoch == int(np.argmin(losses[:expected])) + 1
    assert kernel.weights["w"][0] == (result.best_epoch if restore else expected)
    assert ("no lower" in result.stopped) == bool(patience and expected - result.best_epoch >= patience)


def test_every_callback_hears_every_epoch_and_one_can_stop() -> None:
    heard: list[tuple[str, int]] = []

    def stopping(epoch: Epoch) -> bool:
        heard.append(("a", epoch.number))
        return epoch.number == 2

    def going_on(epoch: Epoch) -> bool:
        heard.append(("b", epoch.number))
        return False

    result = planned(Scripted([3.0, 2.0, 1.0], 4), after=[stopping, going_on])
    assert heard == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert result.stopped == "a callback asked for it after epoch 2"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_puts_back_the_last_finite_weights(bad: float) -> None:
    kernel = Scripted([2.0, 1.0, bad, 1.0], 4)
    with pytest.raises(TrainingError, match="epoch 3: the loss is .*after epoch 2"):
        planned(kernel)
    np.testing.assert_array_equal(kernel.weights["w"], [2, 2])


def test_divergence_puts_back_the_best_weights_if_kept() -> None:
    kernel = Scripted([1.0, 2.0, math.nan], 4)
    with pytest.raises(TrainingError, match="epoch 3.*after epoch 1"):
        planned(kernel, restore=True)
    np.testing.assert_array_equal(kernel.weights["w"], [1, 1])


@pytest.mark.parametrize("restore", [False, True])
def test_divergence_at_once_puts_back_the_first_weights(restore: bool) -> None:
    kernel = Scripted([math.nan], 4)
    with pytest.raises(TrainingError, match="from before this training"):
        planned(kernel, restore=restore)
    np.testing.assert_array_equal(kernel.weights["w"], [0, 0])


def test_divergence_is_seen_in_the_validation_loss_and_in_the_weights() -> None:
    with pytest.raises(TrainingError, match="epoch 2: the validation loss is nan"):
        planned(Scripted([1.0, 1.0], 4), validation=[1.0, math.nan])
    with pytest.raises(TrainingError, match="epoch 2: a weight is no finite number"):
        planned(Scripted([1.0, 1.0], 4, spoil=2))
