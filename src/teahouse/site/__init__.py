"""The site: everything that speaks HTTP. Starlette and FastAPI are imported only here."""
