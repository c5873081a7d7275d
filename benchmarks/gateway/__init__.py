"""The gateway: what a decision costs at the door, under load, faults and attack."""
