"""Publishing: a trained model becomes a page to play with, by one call in a notebook or a script."""
