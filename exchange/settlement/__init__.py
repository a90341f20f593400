"""Settlements: what both sides agree a value to be, or that they do not, or what an arbiter has found. Pure."""
