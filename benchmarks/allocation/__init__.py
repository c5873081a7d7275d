"""What plans cost, how near they are to their bounds, and how fast they come, beside the peers."""
