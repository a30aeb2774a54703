"""Which operator is what here: one table from operators to adapters, one of those that have none and why."""

from __future__ import annotations

from symdl.onnx.nodes import Adapter
from symdl.onnx.operators.attention import LOOKUPS
from symdl.onnx.operators.elementwise import ELEMENTWISE
from symdl.onnx.operators.learning import LEARNING
from symdl.onnx.operators.norms import NORMS
from symdl.onnx.operators.reductions import REDUCTIONS
from symdl.onnx.operators.resampling import RESAMPLING
from symdl.onnx.operators.sequences import SEQUENCES
from symdl.onnx.operators.shapes import SHAPES
from symdl.onnx.operators.windows import WINDOWS

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
        BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor ConvInteger DequantizeLinear
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
}

WITHOUT: dict[str, str] = {op: reason for reason, ops in _REASONS.items() for op in ops.split()}
"""Operators without a counterpart, each with the reason."""
