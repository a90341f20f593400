"""Speed and memory as ratios against a peer or a physical floor, measured in the same run."""
