"""Codes that departments use, and what they are in contracts: places, factors, units, rivers and sections."""
