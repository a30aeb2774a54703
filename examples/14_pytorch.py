"""A formula as a layer of PyTorch: iris flowers, by a network of both libraries.

PyTorch's optimizer trains it; the layer's gradient is derived, and so is the gradient of that gradient.

    python examples/14_pytorch.py [--steps 150]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

import symdl as sd


def network() -> torch.nn.Sequential:
    """Return a formula that PyTorch has no layer for, and a layer of PyTorch's on top."""
    x = sd.tensor("x", (sd.Dim("n"), 4))
    h = sd.nn.dense(x, 16, name="hidden")
    layer = sd.to_torch(h * sd.sigmoid(1.5 * h))
    return torch.nn.Sequential(layer, torch.nn.Linear(16, 3))


def main(arguments: Sequence[str] | None = None) -> tuple[float, bool]:
    """Train, print, and return the test accuracy and whether second derivatives are right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=150)
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    data = sd.train.datasets.iris()
    train, test = ([torch.tensor(part[name]) for name in ("X", "t")] for part in (data.train, data.test))
    both = network()
    optimizer = torch.optim.Adam(both.parameters(), lr=0.02)
    for step in range(1, options.steps + 1):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(both(train[0].float()), train[1])
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    with torch.no_grad():
        accuracy = (both(test[0].float()).argmax(1) == test[1]).float().mean().item()
    print(f"test accuracy: {accuracy:.0%}")
    point = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    right = torch.autograd.gradgradcheck(both.double(), (point,))
    print(f"gradients of gradients agree with differences: {right}")
    return accuracy, right


if __name__ == "__main__":
    main()
