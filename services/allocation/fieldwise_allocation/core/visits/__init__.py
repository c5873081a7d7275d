"""Visits: which stops, on which day, by whom, in which order; plain values, no gRPC, no database."""
