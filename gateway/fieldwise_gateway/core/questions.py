"""The questions about customers that decisions, prices and plans rest on; knows no model."""

BUYS, SILENT = "models/buys-28d", "models/silent-28d"
# Others are not asked: each would cost every decision its time.
QUESTIONS = (BUYS, SILENT)
