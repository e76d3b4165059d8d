"""The grants by which a client gets a token for a person, one file a standard."""
