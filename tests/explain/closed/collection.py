"""All cases."""

from .matrices import DETERMINANTS, TRACES, VECTORS
from .more import MORE
from .networks import LAYERS
from .statistics import GAUSSIANS, VARIATIONS

CASES = (*VECTORS, *TRACES, *DETERMINANTS, *GAUSSIANS, *VARIATIONS, *LAYERS, *MORE)
