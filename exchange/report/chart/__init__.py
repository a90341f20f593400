"""Pictures of figures: SVG without fonts, and PNG."""
