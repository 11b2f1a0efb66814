"""Training: a folder goes in, a child process runs what the maker wrote, a candidate comes out."""
