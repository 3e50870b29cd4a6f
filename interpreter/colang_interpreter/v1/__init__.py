"""The Colang 1.0 machine: programs compiled once, conversations that cost the same at every turn.

Start at `program.compile_project` and `state.State.feed_all`; `engine` is section 10 of the specification.
"""
