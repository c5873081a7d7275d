"""What customers and categories will do, from numbers alone: no wire, no SQL, no clock, no environment."""
