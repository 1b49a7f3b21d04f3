"""Hand-written layers; their authors think that they are right."""
