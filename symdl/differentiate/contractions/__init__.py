"""contractions: in which order, and over which names, sums of products are computed.

Enters: a program. Leaves: the same values by cheaper equations. `networks` reads an equation as a sum of a
product of factors, `inlining` puts definitions in that only it reads, `plans` finds the cheapest order by
`costs`, and `ordering` is the pass.
"""
