"""The trace receiver, a process of its own so that tracing never slows a decision; it does not trace itself."""
