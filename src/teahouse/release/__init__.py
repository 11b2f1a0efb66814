"""Release: how good a candidate is, whether it may take over, and how it takes over."""
