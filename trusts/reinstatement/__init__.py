"""Rules of reinstatement: who goes when, how a system moves, and what the sides do not agree on."""
