"""Measurements of gradproof beside what else there is, as ratios within one run."""
