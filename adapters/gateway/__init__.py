"""`hechuan gateway`: a TCP server for stations; what it acknowledges is durable, and reaches the hub once."""
