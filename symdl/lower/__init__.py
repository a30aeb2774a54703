"""lower: from equations to loop nests, buffers and a table of calls.

Enters: `Program`. Leaves: `Lowered`: kernels of one structure each, and the calls that use them. In the
order of processing: freeze, classify, nests, fuse, flatten, buffers, canonical, calls; `pipeline` runs them.
"""
