"""Access tokens: what they say, who issues them, whether they still stand."""
