"""The database: where PostgreSQL comes from, how it is started, and how it says no."""
