"""Joint patrols: an office, its plans, and what keeps them honest."""
