"""Tags: the fields that their rules read, which hold for a customer, and what they are worth; knows no wire and no table."""
