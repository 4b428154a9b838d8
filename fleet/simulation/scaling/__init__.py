"""Which autoscaling setting would have served this workload best?

A discrete-event simulator of one pool (or several) of slots behind a queue, the same decider code as production, and
its rivals: KEDA on list length and on in-flight work, HPA on utilisation, Knative's panic window, and a clairvoyant
plan.
"""
