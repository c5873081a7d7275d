"""How often, when and after what a customer may be reached: rules on plain values; knows no wire, no store and no clock."""
