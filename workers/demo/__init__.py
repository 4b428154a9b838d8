"""A throw-away fleet that does real work once, and shows it.

tasks (what is submitted) -> run (fleet up, submit, watch, stop) -> judge (pure: did it go well?) -> picture.
"""
