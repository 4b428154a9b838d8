"""What would have happened under other settings?

Discrete-event replay of arrivals through the same deciders production runs. No Redis, no Celery, no wall clock: time is
the event's time, randomness comes from a seed. Nothing outside `fleet.cli` may need this package to run the fleet.
"""
