"""What a trace is, on plain values: no OTLP, no database."""
