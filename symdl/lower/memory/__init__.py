"""lower.memory: buffers, their liveness and reuse."""
