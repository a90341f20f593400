"""Great Expectations suites out of data contracts, over a batch and over what stood before it."""
