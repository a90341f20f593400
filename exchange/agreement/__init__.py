"""Agreements between agencies: what is agreed, how the two sides come to it, and what it grants.

Pure: documents and state machines. What is stored and sent is the business of `exchange.flow`.
"""
