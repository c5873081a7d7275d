"""Which rep, hour, budget and material goes where, with a proof of how good it is."""
