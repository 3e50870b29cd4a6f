"""The Colang 2.x machine: programs compiled once, conversations that are data only.

Start at `program.compile_project` and `state.State.feed`; `machine` is the step function of section 6.13.
"""
