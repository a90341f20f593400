"""Referrals: what is handed to whom, every step of it, the state that follows, and who has held it.

Pure: documents, a table of legal moves, and a fold over signed moves. What is stored and sent is the business of
`exchange.flow`.
"""
