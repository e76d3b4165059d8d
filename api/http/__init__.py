"""HTTP: the GraphQL endpoint, sign-in, and whether we are up."""
