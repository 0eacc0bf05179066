"""How each source of prices is asked and understood: one file per source."""
