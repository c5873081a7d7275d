"""The next best action, its reasons, and what it really caused."""
