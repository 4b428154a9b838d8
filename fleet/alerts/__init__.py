"""The reaction: rules over the fleet's numbers, incidents, notifications, and actions that can be undone.

Nobody calls this package to raise an alert; it reads what the others left in the store. It never imports the gateway or
the command line, and its actions act only through documented keys that admission and scaling read.
"""
