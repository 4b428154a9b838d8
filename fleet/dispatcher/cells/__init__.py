"""Which cell is a tenant at home in, and how is a cell emptied?

rendezvous (pure) -> routing (asks the cells in that order) -> submit; draining moves what is held to where it would go now.
May not live here: what happens inside a cell.
"""
