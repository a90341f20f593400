"""The gRPC face of a hub: thin servicers over the flows."""
