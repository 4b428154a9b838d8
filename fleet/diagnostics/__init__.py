"""What is wrong with this fleet, how bad is it, and what exactly mends it?

gather (facts: every probe timed, in parallel) -> checks (pure) -> verdict -> fixes (only the safe ones, then look again).
May not live here: what the fleet mends by itself while it runs.
"""
