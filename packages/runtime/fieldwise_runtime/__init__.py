"""What every Fieldwise server shares, and only that; knows no service, no product rule and no business clock."""
