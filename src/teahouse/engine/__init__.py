"""Answers: worker processes that run releases, the queue before them, and the port that the site sees."""
