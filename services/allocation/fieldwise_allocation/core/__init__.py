"""Territories and prices on plain numbers: no wire, no database, no clock."""
