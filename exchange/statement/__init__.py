"""What all signed steps of several agencies share: members, heading and signature, chains and their fold. Pure."""
