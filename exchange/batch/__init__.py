"""Batches: manifests, and the forms in which rows come and go."""
