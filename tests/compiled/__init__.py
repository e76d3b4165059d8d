"""Compiled reads answer as the executor does, and show nobody what the executor would not."""
