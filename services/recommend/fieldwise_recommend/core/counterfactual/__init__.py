"""What would have to be different for another action to be chosen; knows no wire and no store."""
