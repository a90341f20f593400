"""Contracts: what a dataset's rows must be, loaded, checked, compared and shown."""
