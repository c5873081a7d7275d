"""Many series at once: forecasters, their choice and honest test, intervals; knows no wire and no store."""
