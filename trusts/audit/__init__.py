"""Audit: proof that an organisation's history is whole, with the database and without it."""
