"""Tenant isolation: worlds full of canaries, and every call the schema allows made by everyone who may not."""
