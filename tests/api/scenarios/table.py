"""The whole table: importing the modules of scenarios fills it."""
import zlib

import dsl
import filters  # noqa: F401
import ranking  # noqa: F401
import rows  # noqa: F401
import schemas  # noqa: F401
import transport  # noqa: F401
import vectors  # noqa: F401
import writes  # noqa: F401

SCENARIOS = dsl.GROUPS
WRITES = ("write", "copy_from", "branch_from")


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
