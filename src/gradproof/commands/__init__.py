"""The commands beside ``check``: their options, and what they print at the end."""
