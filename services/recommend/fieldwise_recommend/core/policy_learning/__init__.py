"""Which action for whom, let out only where it is surely better than simple ways."""
