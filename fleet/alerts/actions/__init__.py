"""What the fleet does by itself when a rule fires, bounded and reversible.

An action never touches the dispatcher or the autoscaler: it plans changes to a few documented keys they read (`floors`,
`emergency`, `limits`), remembers what stood there, and gives it back when it ends or is undone.
"""
