"""Who is asking: tokens, scopes, callers, and the database opened as that caller."""
