"""What actions add for whom, learned from choices that chance made."""
