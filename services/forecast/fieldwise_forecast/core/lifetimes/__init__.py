"""Models of how long customers stay and how often they buy while they do."""
