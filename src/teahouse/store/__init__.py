"""What the house remembers: the only place with SQL, one module a noun."""
