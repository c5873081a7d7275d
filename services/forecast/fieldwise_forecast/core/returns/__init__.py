"""Returns that diminish: curves of a user's points, learning curves, their worth, and whether a training pays."""
