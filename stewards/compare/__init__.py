"""Comparisons of two sides that stewards run every night, and the objections that follow from them."""
