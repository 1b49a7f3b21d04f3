"""Targets by name: where they are, what they are called with, what is said of them."""
