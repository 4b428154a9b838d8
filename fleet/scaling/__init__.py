"""How many replicas should every pool have, and who is told?

Pure deciders (erlang, forecast, headroom, staffing, threshold, caps, plan, targets, metric, hpa) turn snapshots into
targets; snapshot and refresh do the IO around them; external_scaler and scaled_objects let KEDA obey. Nothing here
sets `replicas` on a Deployment: the fleet publishes targets, their one owner acts on them.
"""
