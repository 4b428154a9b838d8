"""One kind of worker that can do everything: the box's three agents and the test's own steps."""

from e2e.agents import steps

from workers.code_generator import task as code_generation
from workers.performance_tester import task as performance_test
from workers.security_scanner import task as security_analysis

__all__ = ["code_generation", "performance_test", "security_analysis", "steps"]
