"""Territories: who serves whom, with a bound; no gRPC, no database."""
