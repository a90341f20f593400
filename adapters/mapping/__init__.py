"""The mapping file: which column of a source is which of a contract. One form for all adapters."""
