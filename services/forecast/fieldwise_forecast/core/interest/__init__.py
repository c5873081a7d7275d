"""What customers want next, when to reach them, and what a long look is worth: learned from what they did."""
