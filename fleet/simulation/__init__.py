"""What would have happened under other settings?

Discrete-event replay of arrivals through the same deciders production runs. No Celery and no wall clock: time is the
event's time, randomness comes from a seed; only reading the fleet's own past touches Redis. Nothing outside `fleet.cli`
may need this package to run the fleet.
"""
