"""Benchmarks: one module per subject, ours and the peers in one interleaved run."""
