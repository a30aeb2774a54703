"""lower: from equations to loop nests, buffers and a table of calls.

Enters: `Program`. Leaves: `Lowered`: kernels of one structure each, and the calls that use them. `pipeline`
runs the passes in the order of processing:

    poly, body, ir      integer and scalar expressions, equations and loop trees without SymPy
    freeze              from SymPy to frozen equations, in numerically safe forms
    positions           positions read from data are checked or clamped
    recur               recurrences as single steps
    matrices, windows   equations split in two, so that what is left is a matrix product or simple loops
    classify            matrix products and scatters
    fuse, nests         which equations share loops
    resolve, flatten    statements with locals; positions in memory; loops that run as one
    buffers, schedule   where tensors live; how the target runs loops
    calls               one kernel a structure, and the calls
    rows, partition     how the calls of a training step are cut into blocks
    streams, legs       gradients that are used up by rows; when weights have their turn
    verify              what every pass must leave intact
"""
