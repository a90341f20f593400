"""Review and signature of joint reports: drafts, steps, the state machine and its fold. Pure."""
