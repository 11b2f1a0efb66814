"""A small fee: orders, the two tills that take the money, and what each event of theirs means for the ledger."""
