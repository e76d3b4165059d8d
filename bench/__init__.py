"""The bench: the product side by side with its limits and its peers, on one machine in one run."""
