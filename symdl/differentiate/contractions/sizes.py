"""Sizes while costs are compared.

Enters: sizes that are symbols. Leaves: numbers in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from symdl.differentiate.contractions.costs import Costs
from symdl.differentiate.contractions.networks import Network
from symdl.express.dims import Dim, Extent

NOMINAL = 128
"""A symbolic size while orders are compared."""
OTHERS = (2, 16, 2048)
"""Sizes for which an order that was written down must not become dearer."""
GAIN = 0.7
"""The share of the cost that an order may have to be worth a change."""


LARGER = 64.0
"""How many times as large as the largest factor or the result anything in between may be."""


def at_nominal(dims: Iterable[Dim]) -> dict[Dim, int]:
    """Return the size that is taken for each symbol."""
    return dict.fromkeys(dims, NOMINAL)


def elsewhere(dims: Iterable[Dim]) -> list[dict[Dim, int]]:
    """Return other sizes: all small, all large, and one of them so."""
    names = tuple(dims)
    found = [dict.fromkeys(names, size) for size in OTHERS] if names else []
    if len(names) > 1:
        found += [{**at_nominal(names), dim: size} for dim in names for size in OTHERS]
    return found


def costs_of(network: Network, sizes: Mapping[Dim, int]) -> Costs:
    """Return the costs of steps of a network for some sizes."""
    costs = Costs([_number(network.extents[i], sizes) for i in network.indices])
    largest = max(map(costs.count, (network.result, *network.elements)))
    return replace(costs, most=LARGER * max(largest, 1.0))


def _number(extent: Extent, sizes: Mapping[Dim, int]) -> float:
    return float(extent if isinstance(extent, int) else extent.xreplace(dict(sizes)))
