"""train: data sets, models that learn, and what happened while they did.

Enters: a loss as a tensor, and data. Leaves: trained parameters and a `History`.
"""
