"""What we keep: one file a noun, each class at once table, GraphQL type and documentation."""
