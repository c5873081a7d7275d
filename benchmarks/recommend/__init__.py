"""What actions are worth, how well they are chosen, and what is said of them, beside the peers."""
