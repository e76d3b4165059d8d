"""Rules of how a system moves from lost to recovered: one step a rule, each by the side whose step it is."""
