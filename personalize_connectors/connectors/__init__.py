"""One module per destination, the protocol they keep, and the registry that finds them."""
