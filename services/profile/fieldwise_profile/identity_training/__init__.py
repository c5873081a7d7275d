"""Learning the weights of identity offline; serving needs none of it."""
