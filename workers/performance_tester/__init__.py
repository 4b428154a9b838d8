"""How fast is this HTTP target under a given load, and is that good enough?

`payload` says what may be asked, `aim` finds the one judged address to hit, `load` drives it on a fixed schedule,
`statistics` turns samples into numbers, `verdict` compares them with thresholds, `test` reads as the story of one task.
"""
