"""What adapters of web services share."""
