"""The arrays of a model by name, where its target computes.

Enters: arrays. Leaves: `Values`, which users see as a dictionary of NumPy's arrays: they are on the host when
somebody looks, and stay on the device otherwise. Targets that compute in the host's memory need none of this:
their arrays are in an ordinary dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.run.resident import Resident
from symdl.run.runtime import Runtime
from symdl.train.weights import Weights

Array = NDArray[Any]


class Values(MutableMapping[str, Array]):
    """Arrays by name.

    Attributes:
        kept: the same, as the target keeps them; what a user puts in is an array of the host at first.
    """

    def __init__(self, kept: Weights) -> None:
        self.kept = kept

    def __getitem__(self, name: str) -> Array:
        """Return an array of the host, which follows what is trained, and may be changed in place."""
        found = self.kept[name]
        return found.look() if isinstance(found, Resident) else found

    def __setitem__(self, name: str, values: Any) -> None:
        self.kept[name] = values

    def __delitem__(self, name: str) -> None:
        del self.kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)

    def __repr__(self) -> str:
        return repr(dict(self))


def placed(arrays: Mapping[str, Array], runtime: Runtime) -> MutableMapping[str, Array]:
    """Return arrays of the host by name, in the target's memory if it has its own."""
    if not runtime.apart:
        return dict(arrays)
    return Values({name: runtime.keep(array) for name, array in arrays.items()})


def kept(values: MutableMapping[str, Array]) -> Weights:
    """Return the arrays as the target has them."""
    return values.kept if isinstance(values, Values) else values  # type: ignore[return-value]


def on_host(arrays: Mapping[str, Any]) -> Weights:
    """Return new arrays of the host."""
    return {name: np.array(array) for name, array in arrays.items()}
