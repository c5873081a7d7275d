"""The next best action on plain values: no wire, database, clock or environment."""
