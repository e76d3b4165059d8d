"""The demonstration: the Carenotes recovery of 2022, replayed through the API by its own tenants."""
