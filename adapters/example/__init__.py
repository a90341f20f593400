"""Mapping files that come with the project, a folder per department: data only."""
