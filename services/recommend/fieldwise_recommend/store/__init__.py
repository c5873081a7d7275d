"""Tables and statements, one subject a file; each returns core values or plain rows."""
