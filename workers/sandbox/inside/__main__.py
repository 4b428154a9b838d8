"""How is the launcher started? `python -I -S inside/__main__.py PACKAGES REQUEST_FD REPORT_FD KEEPER_FD`.

Isolated mode ignores the environment and the current directory, so the folder of our packages comes as an argument and
is forgotten again before the untrusted code runs.
"""

import sys

if __name__ == "__main__":
    packages, *descriptors = sys.argv[1:]
    sys.argv[1:] = []
    sys.path.insert(0, packages)

    from workers.sandbox.inside import launch

    sys.exit(launch.main(*map(int, descriptors)))
