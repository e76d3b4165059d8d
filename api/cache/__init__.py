"""Answers kept: whose they are, how long they stay true, and how every replica learns that they no longer are."""
