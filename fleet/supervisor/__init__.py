"""How does a whole fleet run on one machine?

Broker, model server, beat, Flower, gateway, metrics and one process set per pool, as children that die with their
parent. The local scaler obeys the same targets KEDA would. May not live here: decisions about targets.
"""
