"""What outsiders need in order to trust nobody: the transparency log."""
