"""How the tables came to be: one revision a change, add-only within a release."""
