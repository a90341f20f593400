"""Both banks' numbers: pair → compare → explain. Expressions of ibis, run by DuckDB here or by Spark elsewhere."""
