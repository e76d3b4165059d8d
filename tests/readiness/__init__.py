"""Readiness: assurance, safety, defects, gates and decisions, as stories and against the database."""
