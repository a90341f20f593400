"""The main job as a story, on real processes with real certificates."""
