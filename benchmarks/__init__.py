"""Benchmarks: one command each, printing figures that anyone can make again."""
