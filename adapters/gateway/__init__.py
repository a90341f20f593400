"""`hechuan gateway`: a TCP server that stations connect to; what it acknowledges is durable, and reaches the hub once."""
