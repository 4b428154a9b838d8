"""Where do credentials live, who read which, and how are they replaced while everything runs?

Three backends stand behind one seam (`backend.py`): Vault/OpenBao, an encrypted file, the environment. Everything else
is written once over that seam. What may not live here: HTTP routes, command-line code, anything that knows a task.
"""
