"""The pages a person signs in at, as plain HTML."""
