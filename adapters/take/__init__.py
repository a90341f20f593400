"""From an adapter's reading to a verdict or a batch: spool, check, publish."""
