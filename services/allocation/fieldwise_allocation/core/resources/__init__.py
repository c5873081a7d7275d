"""Scarce means shared out by response curves: curves, the programme, its prices, plans and their check; knows no wire."""
