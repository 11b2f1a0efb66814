"""What a maker declares: the app, its fields, its data. Imports no web, database, torch or pixels."""
