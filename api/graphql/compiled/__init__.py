"""The compiler: a GraphQL document becomes one SQL statement whose single value is the answer's bytes."""
