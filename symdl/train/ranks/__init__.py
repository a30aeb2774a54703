"""train.ranks: one model trained by several processes, on one machine or many, that meet in each step.

Start at `symdl.train.ranks.phases` (how a step is cut where processes must meet); then
`symdl.train.ranks.shared` (what a process does in a step), `symdl.train.ranks.communicator` (how they meet).
"""
