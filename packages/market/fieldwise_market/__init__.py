"""Simulated worlds with known truth, for tests and benchmarks; knows no service."""
