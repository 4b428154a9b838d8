"""What does Flower show of the fleet, and what may an operator do there?

A tab in Flower's own navigation, behind Flower's own authentication. `flowerconfig.py` is what Flower is started with.
"""
