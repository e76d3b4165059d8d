"""Federated issuers: whom other identity providers may sign in, and their tokens at the API."""
