"""Who may ask: people, the clients and issuers by which they come, and the sessions they have."""
