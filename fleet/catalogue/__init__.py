"""Which agent types, task types and pools exist?

Declared in one file the user owns, over defaults that need no file; validated with exact positions. Facts only: nothing
measured, nothing learned, no IO but reading the declaration.
"""

from fleet.catalogue.declaration import AgentType, Catalogue, Pool, TaskType
from fleet.catalogue.load import current, forget, load, whole

__all__ = ["AgentType", "Catalogue", "Pool", "TaskType", "current", "forget", "load", "whole"]
