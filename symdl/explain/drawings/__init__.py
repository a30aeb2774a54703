"""explain.drawings: the computation graph, a network, plots."""
