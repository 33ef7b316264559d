"""A synthetic shop: products, users, and batch outputs of several days."""
