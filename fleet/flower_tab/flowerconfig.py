"""What does Flower run before it starts? (`celery -A fleet.app flower --conf=...`)

A `flowerconfig.py` of the user's in the working directory still counts; command line and environment override it.
"""

from fleet.flower_tab.install import install

install()
