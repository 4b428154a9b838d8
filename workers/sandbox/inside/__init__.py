"""What happens between a fresh interpreter and the untrusted code's first line?

Only the standard library and this package may be imported here: the process has no environment and, soon, no files.
"""
