"""run.reference: the slow interpreter of programs, the oracle of every kernel."""
