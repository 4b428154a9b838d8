"""Game day: faults are injected into a throw-away fleet under load, and what follows is measured against a hypothesis.

experiments (what is broken, and what should follow) -> run (load, break, watch) -> score (pure) -> table.
"""
