"""What a customer buys next: things he bought before and things that are new to him, ranked apart; knows no wire and no store."""
