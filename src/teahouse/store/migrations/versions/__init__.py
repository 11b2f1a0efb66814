"""The revisions, each frozen once it is released."""
