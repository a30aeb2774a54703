"""Weights from which one step learns a new task: MAML, without a loop over tasks.

Each task is a sine wave of its own amplitude and phase, of which ten points are known. A network's weights
take one step of descent for each task, and the loss of other points after it is made small, through that
step. `sd.vmap` computes the step for all tasks of a batch at once: what is written for one task gets an index
more.

    python examples/16_meta_learning.py [--epochs 300] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

STEP = 0.05
POINTS = 10


def task_loss(x: sd.Tensor, y: sd.Tensor, new_x: sd.Tensor, new_y: sd.Tensor) -> sd.Tensor:
    """Return the loss of new points after one step on known ones, shapes ``(POINTS, 1)``."""
    given = sd.tensor("given", x.shape)
    wanted = sd.tensor("wanted", y.shape)
    h = sd.nn.dense(given, 40, activation=sd.tanh, name="first")
    h = sd.nn.dense(h, 40, activation=sd.tanh, name="second")
    loss = ((sd.nn.dense(h, 1, name="third") - wanted) ** 2).mean()
    known = sd.replace(loss, {given: x, wanted: y})
    weights = sd.parameters(known)
    steps = dict(zip(weights, sd.grad(known, weights), strict=True))
    return sd.replace(loss, {given: new_x, wanted: new_y, **{w: w - STEP * g for w, g in steps.items()}})


def waves(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return points of `count` sine waves: some to learn from, others to be judged by."""
    height, phase = rng.uniform(0.5, 2, (count, 1, 1)), rng.uniform(0, np.pi, (count, 1, 1))
    x, new_x = rng.uniform(-3, 3, (2, count, POINTS, 1))
    return {"x": x, "y": height * np.sin(x + phase), "new_x": new_x, "new_y": height * np.sin(new_x + phase)}


def main(arguments: list[str] | None = None) -> tuple[float, float]:
    """Train; return the mean loss of new tasks after one step, before and after training."""
    parser = argparse.ArgumentParser(description="Learn weights from which one step learns a task.")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    n = sd.Dim("n")
    tensors = [sd.tensor(name, (n, POINTS, 1)) for name in ("x", "y", "new_x", "new_y")]
    loss = sd.vmap(task_loss)(*tensors).mean()
    model = sd.Model(loss, seed=options.seed)
    rng = np.random.default_rng(options.seed)
    tasks, others = waves(1000, rng), waves(500, rng)
    before = model.evaluate(others)["loss"]
    model.fit(tasks, optimizer=sd.nn.Adam(2e-3), batch_size=50, epochs=options.epochs, seed=options.seed)
    after = model.evaluate(others)["loss"]
    print(f"new tasks, ten points and one step: loss {before:.3f} before meta-learning, {after:.3f} after it")
    return before, after


if __name__ == "__main__":
    main()
