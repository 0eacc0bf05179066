"""The reading side of keno: what people see, and what shows that it is so."""
