"""Connections to the database: a pool a role, and what is prepared on each."""
