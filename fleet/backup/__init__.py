"""What of a cell would be lost with its Redis, and how does it come back?

`collect` reads it, `sealed` is the encrypted file, `restore` brings it into an empty cell, `drill` proves that it would.
"""
