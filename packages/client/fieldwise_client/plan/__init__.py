"""Territory plans from a planner's files: read, ask, write what changes, draw the map."""
