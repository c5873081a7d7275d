"""How right a profile's attributes are, measured by taking its last week away; knows no wire, table or clock."""
