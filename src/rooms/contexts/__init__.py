"""The business, one folder each."""
