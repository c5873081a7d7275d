"""One decision: its latency, its CPU and its throughput beside an echo hop, a bare fan-out and a FastAPI twin."""
