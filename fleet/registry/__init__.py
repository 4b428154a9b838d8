"""Which workers are there, and are they alive?

Workers register when ready, heartbeat from their own thread, and leave. May not live here: what happens to the tasks of
a worker that fell silent (the dispatcher's tick), and whether a worker is sick (health).
"""
