"""What a period's facts are, worked out of rows and signed statements; no words and no layout."""
