"""How operators of PyTorch are written in symdl, by family."""

from . import elementwise, layers, losses, matrices, positions, reductions, shapes

ALL = {
    **elementwise.SPELLINGS,
    **reductions.SPELLINGS,
    **shapes.SPELLINGS,
    **positions.SPELLINGS,
    **matrices.SPELLINGS,
    **layers.SPELLINGS,
    **losses.SPELLINGS,
}
"""The spelling of each operator that symdl has, by its name in PyTorch's list."""
