"""Which task goes to which pool, when, and why?

Producers submit here, workers claim and finish here; between the two every step is one Lua script on the cell's Redis.
Pure: deciders/, scoring, strategies, retry. May not live here: what agents do, how many replicas there are.
"""
