"""Strawberry, SQLModel and DataLoaders as they are usually put together."""
