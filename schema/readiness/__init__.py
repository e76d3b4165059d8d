"""Readiness: what has to hold before a system goes on: assurance, safety, defects, gates, decisions."""
