"""Is the fleet well?

gather (roster, jobs, repairs) -> verdicts (pure). May not live here: mending, which belongs to who owns the numbers.
"""
