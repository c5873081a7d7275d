"""Who a customer is now: events, and the profile they fold into."""
