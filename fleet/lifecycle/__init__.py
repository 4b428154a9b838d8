"""How does a Celery worker join the fleet, stay in it, and leave?

Bootsteps around Celery's own life: Membership registers and heartbeats from its own thread, Consumption hands back what
was taken but never started. May not live here: what the agents do.
"""

from fleet.lifecycle import stacks as stacks  # its control command is known once it is imported
from fleet.lifecycle.consumption import Consumption
from fleet.lifecycle.membership import Membership

__all__ = ["Consumption", "Membership"]
