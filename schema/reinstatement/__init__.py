"""Nouns of reinstatement: who goes when, in which steps, and what the sides do not agree on."""
