"""The wire of forecast, one file a service of the contract; no rules of the trade, no SQL."""
