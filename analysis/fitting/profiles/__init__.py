"""How a profile is followed: what is profiled, how far it may go, and the curve."""
