"""Monitor: what the house did lately, in numbers that cost nothing to read."""
