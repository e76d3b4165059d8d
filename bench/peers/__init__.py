"""The peers: other servers over the same tables, policies and roles."""
