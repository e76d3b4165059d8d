"""The GraphQL engine: the operations page, the way of a change and of a question, errors and limits."""
