"""What may an agent touch: which paths, which network targets?

Pure checks and the one DNS look-up they need. Nothing here opens a file for reading or sends a byte to a target;
nothing here knows a particular agent.
"""
