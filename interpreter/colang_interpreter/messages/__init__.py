"""The message API: messages in, a message out, with options, state, logs and checks (`rails-runtime.md`, section 4).

Start at `conversing.Messages`.
"""
