"""The whole table: importing the modules of scenarios fills it."""
import copy
import zlib

import admin  # noqa: F401
import dsl
import filters  # noqa: F401
import mixed  # noqa: F401
import ranking  # noqa: F401
import rows  # noqa: F401
import schemas  # noqa: F401
import texts  # noqa: F401
import transport  # noqa: F401
import vectors  # noqa: F401
import writes  # noqa: F401

SCENARIOS = dsl.GROUPS
WRITES = ("write", "copy_from", "branch_from")
READS = ("query", "multi_query", "schema", "exists", "scan", "explain_query", "poll")
CONFORMANCE_ITEMS = range(1, 41)  # the reference lists them; what needs two nodes is shown elsewhere
assert set(CONFORMANCE_ITEMS) == {item for scenario in SCENARIOS.values() for item in scenario.items}


def for_runner(scenario, restless):
    """A scenario as runners read it. Where segments are made all the time, half of the scenarios wait after each write
    until it has been indexed, so that both what is on its way and what has arrived is read."""
    steps = []
    for step in scenario.steps:
        steps.append(dsl.plain(scenario, step))
        if restless and step.op in WRITES and zlib.crc32(scenario.name.encode()) % 2:
            steps.append({"op": "settle", "ns": scenario.full(step.ns), "inserted": True})
    return {"name": scenario.name, "steps": steps}


def answers_of(asked, report):
    """The answers to the table's own steps. An inserted one that failed stands in the place of what follows."""
    answers = []
    for step, answer in zip(asked["steps"], report["answers"]):
        if "inserted" not in step or "error" in answer:
            answers.append(answer)
    return answers


def saved_in(asked, report):
    """What the steps of a scenario saved for later ones: name -> value."""
    saved = {}
    for step, answer in zip(asked["steps"], report["answers"]):
        for name, path in step.get("save", {}).items():
            value = answer.get("ok")
            for part in path.split("."):
                value = value[int(part) if part.isdigit() else part]
            saved[name] = value
    return saved


def last_reads(scenario, saved):
    """The scenario of the reads after its last change: what they say must stay. None: there are none."""
    changes = [n for n, step in enumerate(scenario.steps) if step.op not in READS]
    again = copy.deepcopy(scenario)
    again.steps = again.steps[changes[-1] + 1 if changes else 0:]
    for step in again.steps:
        step.more = {key: saved.get(value[1:], value) if isinstance(value, str) else value for key, value in step.more.items()}
    return again if again.steps else None
