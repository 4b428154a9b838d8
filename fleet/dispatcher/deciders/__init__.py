"""What arithmetic decides which held task goes to which pool?

Pure Lua 5.1 files, each defining local functions only: production scripts include them by text (`--@include`) and
`fleet.simulation.lua` runs the very same text. No Redis calls, no globals, no clock: every input is an argument.
"""
