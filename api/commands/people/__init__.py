"""Commands about people: their accounts, their sessions, and the issuers that sign them in."""
