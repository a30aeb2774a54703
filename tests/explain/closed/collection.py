"""All cases."""

from .matrices import DETERMINANTS, TRACES, VECTORS

CASES = (*VECTORS, *TRACES, *DETERMINANTS)
