"""How fast the delivery engine is: against the Braze emulator, against other HTTP clients, and at a rate limit."""
