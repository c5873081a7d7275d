"""What will be bought, by whom, when; who falls silent; and how good that is."""
