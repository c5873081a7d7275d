"""Prices of scarce things: the dual of giving each customer at most one action; knows no wire and no database."""
