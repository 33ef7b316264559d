"""Protocol-true stand-ins for destinations, on loopback."""
