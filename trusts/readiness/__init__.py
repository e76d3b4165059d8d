"""Readiness: how it comes about that a system may go back to its users."""
