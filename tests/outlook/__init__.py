"""Who waits for whom, who is ready, how long it took, and what a change would move."""
