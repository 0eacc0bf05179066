"""Which modules make which process, how they are wired, and how they run."""
