"""How a noun is kept: identity, reach, relations, connections and the text it may hold."""
