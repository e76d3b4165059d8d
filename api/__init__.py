"""How it is asked, and how it is answered: operations, HTTP, command line, the database's start."""
