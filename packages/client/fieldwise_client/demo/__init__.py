"""The demo world: the households of Complete Journey as events, and what the data lacks as stated assumptions."""
