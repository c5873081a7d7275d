"""What the gateway does with bytes that nobody would send on purpose: targets, their inputs and the process that tries them."""
