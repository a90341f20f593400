"""The report's pages as PDF, DOCX, XLSX and HTML."""
