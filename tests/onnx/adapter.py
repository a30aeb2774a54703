"""Which operator is what here: one table from operators to adapters, one of those that have none and why."""

from __future__ import annotations

from .cases import Adapter
from .elementwise import ELEMENTWISE
from .learning import LEARNING
from .lookups import LOOKUPS
from .norms import NORMS
from .reductions import REDUCTIONS
from .resampling import RESAMPLING
from .sequences import SEQUENCES
from .shapes import SHAPES
from .windows import WINDOWS

ADAPTERS: dict[str, Adapter] = {
    **ELEMENTWISE,
    **REDUCTIONS,
    **SHAPES,
    **WINDOWS,
    **RESAMPLING,
    **NORMS,
    **SEQUENCES,
    **LOOKUPS,
    **LEARNING,
}

_REASONS = {
    "types other than real numbers and int64: their bits, conversions, scales": """
        BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike ConvInteger DequantizeLinear
        DynamicQuantizeLinear IsInf IsNaN MatMulInteger QLinearConv QLinearMatMul QuantizeLinear
    """,
    "text, images in files, tables of labels": """
        ArrayFeatureExtractor Binarizer ImageDecoder LabelEncoder RegexFullMatch StringConcat StringNormalizer
        StringSplit TfIdfVectorizer TreeEnsemble
    """,
    "sequences, optional values, graphs as attributes": """
        If Loop OptionalGetElement OptionalHasElement Scan SequenceInsert SequenceMap
        SplitToSequence
    """,
    "a shape that depends on values": "Compress NonMaxSuppression NonZero Unique",
    "complex numbers": "DFT MelWeightMatrix STFT",
    "samples at positions that are computed": "DeformConv GridSample RoiAlign",
    "random numbers of another generator": "Bernoulli",
    "no computation: known from the shapes": "Constant Shape Size",
}

WITHOUT: dict[str, str] = {op: reason for reason, ops in _REASONS.items() for op in ops.split()}
"""Operators without a counterpart, each with the reason."""
