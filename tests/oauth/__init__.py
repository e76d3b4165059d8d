"""OAuth clients and an issuer that are not ours: what people use from npm, against our server and each other."""
