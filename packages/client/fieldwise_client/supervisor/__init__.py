"""The processes of one installation on this machine: started by health, restarted with backoff, stopped together."""
