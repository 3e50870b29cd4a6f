"""The proof of a migration: both bots hold the same conversations, and what users would see is compared.

Start at `verification.verify_migration`. A conversation is scripted by meaning, not by call: the dialects ask a model
different questions, and one meaning answers all of them (migration document, section 19). The old bot runs on the
1.0 machine, the new one on the 2.x machine, offline, on a clock that stands still, with the same seeds.
"""
