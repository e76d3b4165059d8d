"""The commands of a person at a terminal: login, ask, logout."""
