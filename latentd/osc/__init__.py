"""Open Sound Control: packets, address patterns, addresses and a client."""
