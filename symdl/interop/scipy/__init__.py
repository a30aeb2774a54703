"""SciPy: functions of one vector, for its minimizers and solvers."""
