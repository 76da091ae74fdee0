"""What mola does not do yet: groups of scenarios, or single ones, that must still fail. Who builds a feature takes its
line away; run.py refuses a line whose scenarios pass."""

PENDING = set()
