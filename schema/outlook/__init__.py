"""What is read across the recovery: who waits for whom, how ready each system is, how long the way back took."""
