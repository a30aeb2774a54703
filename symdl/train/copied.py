"""Models of one network.

Enters: a model. Leaves: others with the same mathematics and other values, or other losses. What was derived
and compiled for one of them serves all.
"""

from __future__ import annotations

from typing import Self

from symdl.express.tensors import Tensor
from symdl.train.state import ModelState


class CopiedModel(ModelState):
    """A model that shares its compiled steps with others; see `symdl.train.model.Model`."""

    def fresh(self, *, seed: int = 0) -> Self:
        """Return an untrained model of the same network, its first values drawn by `seed`.

        What was derived and compiled is shared, so that a hundred trials cost one derivation::

            histories = [model.fresh(seed=s).fit(data, optimizer=sd.nn.Adam(1e-3)) for s in range(100)]
        """
        other = self.alike()
        other._place(*other._first_values(seed))
        other.history = other.resumable = None
        return other

    def alike(self) -> Self:
        """Return another object with the same attributes."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def with_losses(self, losses: dict[str, Tensor]) -> Self:
        """Return a model with other losses of the same parameters, and without values."""
        other = self.alike()
        other._describe(losses, self.outputs, self.metrics, self.facts)
        other.parameters, other.running = {}, {}
        return other

    def valued(self, other: ModelState) -> Self:
        """Return this model with the values of another one, which it then changes."""
        found = self.alike()
        found.parameters, found.running = other.parameters, other.running
        found.resumable = other.resumable
        if found.target is not other.target:
            found.target, found._forwards = other.target, {}
        return found
