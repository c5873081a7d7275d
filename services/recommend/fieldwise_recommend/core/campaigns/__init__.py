"""Contacts over weeks: who is reached when, where each contact tires; knows no wire and no store."""
