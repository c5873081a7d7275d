"""The gateway over HTTP/1.1: JSON, Connect and gRPC-Web for the same handlers as gRPC's; knows no rule of any call."""
