"""Commands: the only layer above processes. Each has its own module, imported when it is run."""
