"""Stories of reinstatement."""
