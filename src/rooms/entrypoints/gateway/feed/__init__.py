"""The live feed, ``/v1/live``: what moves is told as it happens, and nothing is lost."""
