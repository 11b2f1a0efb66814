"""Loop: the flywheel. Durable steps from new rows to a new champion, one training at a time."""
