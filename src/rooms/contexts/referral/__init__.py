"""Who invited whom, over three levels, and what it earns."""
