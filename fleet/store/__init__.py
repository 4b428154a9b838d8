"""The one door to Redis: client, keys, scripts, leases.

Nothing else in the project imports `redis`. No decision lives here, and no key is spelled anywhere else.
"""
