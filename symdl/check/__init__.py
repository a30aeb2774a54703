"""check: derived gradients against all other ways to get them.

Enters: a loss and a point. Leaves: a report that sets the symbolic gradient beside central differences, the
complex step, a reverse-mode tape, forward mode, compiled kernels and other libraries.
"""
