"""Joint reports: facts from a hub as of one moment → figures → PDF, DOCX, XLSX and HTML with the same numbers."""
