"""Questions about where the recovery is going, and what a change would move."""
