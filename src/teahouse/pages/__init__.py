"""An app as a static site: the play page, its model, and what runs it in the visitor's browser."""
