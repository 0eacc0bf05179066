"""What prices are, as several venues agree, and the conditions about them that come true."""
