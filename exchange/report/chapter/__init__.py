"""Facts as figures, tables and words: a module a chapter."""
