"""Targets run in processes of their own: the pool, the worker, and its limits."""
