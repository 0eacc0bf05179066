"""Rooms: yes/no questions about prices, their pools, and their settlement."""
