"""lower: from equations to loop nests, buffers and a launch list, with symbolic sizes.

Enters: `Program`. Leaves: `Lowered`: kernels of one structure each, and the calls that use them. `pipeline`
runs the passes; `README.md` says which room does what.
"""
