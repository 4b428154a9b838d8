"""The instruments: metrics, traces and logs, each declared once.

Nothing here knows a key of the store, a Celery app or another subsystem: numbers arrive as samples, Redis arrives as a
callable. Every metric name, label and bucket stands in `metrics.py`; every log event name in `events.py`.
"""
