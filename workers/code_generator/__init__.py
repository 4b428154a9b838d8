"""How does a prompt become Python that is known to work?

Generate, take the code out of the answer, parse it, execute the payload's checks on it in the sandbox, and try again
with the evidence of what failed. `generate` is the way in; Celery, prices and budgets stay outside and are reached
through the small `Run` seam it declares.
"""
