"""emit: from kernels and calls to source text.

Enters: `Lowered`. Leaves: the text of a module with its kernels, and a listing of the calls. In the order of
processing: syntax, scalar, statements, source, launch list, inspect.
"""
