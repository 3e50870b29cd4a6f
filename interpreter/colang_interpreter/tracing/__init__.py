"""What was enforced: a record of each rail's decision in each turn, and where to send it.

`decisions` makes the records, `jsonlines` writes them to a file, `opentelemetry` makes spans of them. Records hold
no texts of users or bots unless somebody asks for them.
"""
