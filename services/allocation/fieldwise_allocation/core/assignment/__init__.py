"""Assignment of any items to any agents within capacities; knows no territory, no wire and no clock."""
