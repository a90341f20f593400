"""From lines of text to rows under contracts, by vector kernels, as a mapping says."""
