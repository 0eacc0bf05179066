"""Use cases of keno."""
