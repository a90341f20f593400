"""The use cases of a hub, one module each; they take ports as arguments."""
