"""Special functions, and functions that a user brings along.

Enters: tensors, SymPy expressions, numbers. Leaves: the same kind of thing. SymPy's own classes stand in
equations where it has one, with its derivatives; `kinds` has those that it lacks, `written` the form in which
all of them are computed, `own` those that a user makes, `tensors` the doors for tensors.
"""
