"""What decisions really caused: comparisons with intervals, and when nothing can be said."""
