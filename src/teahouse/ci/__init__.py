"""CI: what runs in the maker's GitHub Actions: the workflow files, the report of a check, GitHub's API."""
