"""Subscriptions: the ledger is followed once a process, and told to everybody who listens."""
