"""The pure part of profile: events folded into states, states read as features; knows no wire, SQL or clock."""
