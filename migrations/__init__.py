"""Plain forward SQL, applied once each in the order of their names."""
