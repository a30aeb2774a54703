"""explain.stories: what is told of a scalar function, a network, a differential, an update."""
