"""The OAuth 2 authorization server for machine clients."""
