"""May this version have the traffic, and who takes it back when not?

Five questions of a pipeline, one file each: is it up (`workloads`), does it work (`smoke`), who has the traffic
(`traffic`), does it keep the goals (`goals` judges, `watch` looks).
"""
