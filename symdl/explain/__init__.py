"""explain: derivations as documents, from the record that the kernels come from.

Enters: a scalar function or a tensor, and what to differentiate it by. Leaves: a `Derivation` that prints
in a terminal, in a notebook, and as LaTeX, HTML and JSON.
"""
