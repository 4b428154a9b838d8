"""How fast is the fleet, beside plain Celery on the same machine in the same run?

Real brokers and real workers; ratios, because absolute figures of a shared machine say little. Not part of the tests.
"""
