"""People sign in: a story file a feature."""
