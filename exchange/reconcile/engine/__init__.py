"""Where the expressions run: DuckDB in this process, or a Spark cluster."""
