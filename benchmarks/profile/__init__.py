"""What profiles cost, how fresh and how true they are, beside the peers; knows no decision."""
