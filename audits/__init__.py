"""Audits of published libraries: every alarm there is, each explained."""
