"""Readiness: what has to hold before a system goes back to its users."""
