"""Data that come batch by batch.

Enters: iterables, data sets, tables, arrays too large to be held. Leaves: checked batches, in order.
"""
