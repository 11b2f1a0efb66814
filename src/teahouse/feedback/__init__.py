"""Feedback: what visitors say and let us keep, what of it counts, and how it is forgotten."""
