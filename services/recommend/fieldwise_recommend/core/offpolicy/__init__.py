"""What a policy would have earned, from choices that another policy made; knows no wire and no store."""
