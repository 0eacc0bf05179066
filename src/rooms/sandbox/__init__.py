"""Stand-ins of the outside world on loopback, speaking the same wire protocols."""
