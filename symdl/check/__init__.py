"""check: derived gradients against three other ways to get them.

Enters: a loss and a point. Leaves: a report that sets the symbolic gradient beside central
differences, a reverse-mode tape and the compiled kernel.
"""
