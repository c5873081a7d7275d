"""Segments of customers by what they do, and by what they are; knows no wire, table or clock."""
