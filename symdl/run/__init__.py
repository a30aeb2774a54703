"""run: programs become numbers. Compiled kernels, and the interpreter that checks them.

Enters: a program, or the generated source of one. Leaves: functions of arrays.
"""
