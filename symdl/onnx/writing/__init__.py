"""The way out: equations as nodes.

Enters: a program. Leaves: a model of the format. `model` is the door, `equations` writes one equation,
`layout` lays elements over its indices, `formulas` writes its right side, `contractions` and `windows`
recognise what the format has an operator for.
"""
