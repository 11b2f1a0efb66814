"""What the verbs and publish share: a project on disk, its site on this machine, how the terminal speaks."""
