"""Accords: which plan of joint patrols both sides have accepted for a period, or what is asked of it. Pure."""
