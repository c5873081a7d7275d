"""Events and profiles in PostgreSQL or SQLite; knows no wire. Gives core values, never rows."""
