#!/bin/sh
# What of the installed packages does no program of the fleet ever read? Takes the virtual environment as its argument.
set -eu
packages="$(echo "$1"/lib/python3.*/site-packages)"

# Tests of libraries, and pip itself: nothing is installed at run time.
find "$packages" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
rm -rf "$packages"/pip "$packages"/pip-*.dist-info "$1"/bin/pip*
# The asynchronous twin of the Kubernetes client.
rm -rf "$packages"/kubernetes/aio
# Bytecode is written to PYTHONPYCACHEPREFIX on first start, once per container.
find "$packages" -type d -name __pycache__ -prune -exec rm -rf {} +
