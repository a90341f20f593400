"""Compensation along a river by an agreement's formula: terms out of contracts, and what they come to."""
