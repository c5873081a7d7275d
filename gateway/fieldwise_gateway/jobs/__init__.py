"""The jobs process: prices for each period, retraining, outcomes carried from profile to recommend."""
