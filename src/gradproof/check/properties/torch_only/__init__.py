"""Properties of what only torch has; imported only to check something of torch's."""
