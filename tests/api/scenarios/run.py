"""Runs the scenario table through one official SDK against a server, and judges it.

    run.py SDK --mola BINARY [--restless] [--two] [--kill] [--only TEXT] [--pending-may-pass]
    run.py SDK --url URL [--everything]      any server that is running
    run.py SDK --model [--mutants]           the model server: every scenario must hold there

SDK is python, python_async, typescript or java. Scenarios of the groups in pending.py must fail; one that passes is an error, so
that the list can only shrink (--pending-may-pass: not while branches are being joined)."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
API, ROOT = HERE.parent, HERE.parents[2]
sys.path[:0] = [str(HERE), str(API)]
import faults  # noqa: E402
import judge  # noqa: E402
import table  # noqa: E402
from pending import PENDING  # noqa: E402

RUN_SECONDS = 240


def command_of(sdk, *arguments):
    python = str(ROOT / ".venv/bin/python")
    jars = ":".join(map(str, sorted((API / "java_modules").glob("*.jar"))))
    return {"python": [python, HERE / "runner.py", "sync"], "python_async": [python, HERE / "runner.py", "async"],
            "typescript": ["node", "-r", API / "node18.cjs", HERE / "runner.mjs"],
            "java": ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars, HERE / "Runner.java"],
            }[sdk] + list(arguments)


def chosen(options):
    """Scenarios that this SDK can express and that hold in this mode."""
    unable = {options.sdk, options.sdk.partition("_")[0]} | ({"model"} if options.model else set())
    return [scenario for scenario in table.SCENARIOS.values()
            if not unable & set(scenario.without) and not (options.restless and scenario.usual_only)
            and not (options.two and scenario.one_server)
            and options.only in f"{scenario.group}/{scenario.name}"]


def is_pending(scenario):
    return scenario.group in PENDING or scenario.name in PENDING


def run(options, urls, scenarios):
    """By the names of scenarios: what is wrong, or None; and what they saved. Several servers are asked in turn."""
    if not scenarios:
        return {}, {}
    proxy = faults.Proxy([int(url.rpartition(":")[2]) for url in urls])
    url = proxy.base_url + "/turns" if len(urls) > 1 else urls[0]
    asked = {s.name: table.for_runner(s, options.restless) for s in scenarios}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "table.json")
        file.write_text(json.dumps(list(asked.values())), encoding="utf-8")
        done = subprocess.run(list(map(str, command_of(options.sdk, file, url, proxy.base_url))), capture_output=True, text=True,
                              encoding="utf-8", timeout=RUN_SECONDS, cwd=API)
    proxy.shutdown()
    if done.returncode != 0:
        raise SystemExit(f"the runner failed: {done.stdout[-500:]}{done.stderr[-3000:]}")
    reports = {report["name"]: report for report in map(json.loads, done.stdout.strip().split("\n"))}
    sdk = options.sdk.partition("_")[0]
    problems = {s.name: judge.problem(s, table.answers_of(asked[s.name], reports[s.name]), sdk) for s in scenarios}
    return problems, {name: table.saved_in(asked[name], reports[name]) for name, wrong in problems.items() if not wrong}


def with_model(options, scenarios, *flags):
    with subprocess.Popen([str(ROOT / ".venv/bin/python"), str(ROOT / "tests/model/server.py"), "--port", "0", *flags],
                          stdout=subprocess.PIPE, text=True) as server:
        try:
            return run(options, [server.stdout.readline().split()[-1]], scenarios)[0]
        finally:
            server.kill()


def with_server(options, scenarios):
    if options.url:
        return run(options, [options.url], scenarios)[0]
    if options.model:
        return with_model(options, scenarios)
    os.environ["MOLA_BINARY"] = options.mola
    from mola import RESTLESS, Mola
    with tempfile.TemporaryDirectory() as folder:
        servers = [Mola(f"file:{folder}/data", *(["--cache-dir", f"{folder}/cache{n}", *RESTLESS] if options.restless else []))
                   for n in range(2 if options.two else 1)]
        if not options.restless:
            for server in servers:
                server.watched()
        urls = [server.base_url for server in servers]
        problems, saved = run(options, urls, scenarios)
        if not options.restless:
            for server in servers:
                server.unwatched()
            urls = [server.base_url for server in servers]
        if options.kill:
            for server in servers:
                server.kill()
                server.start()
            again = [table.last_reads(s, saved[s.name]) for s in scenarios if not problems[s.name]]
            after, _ = run(options, urls, list(filter(None, again)))
            problems |= {name: wrong and f"after a kill, {wrong}" for name, wrong in after.items()}
        for server in servers:
            if server.process.poll() is not None or server.stop() != 0:
                raise SystemExit(f"mola died or did not stop: {server.lines[-20:]}")
    return problems


def verdict(options, scenarios, problems, seconds):
    bad, early = 0, set()
    everything = options.model or options.everything
    for scenario in scenarios:
        pending, wrong = is_pending(scenario) and not everything, problems[scenario.name]
        if wrong and not pending:
            print(f"FAILED {scenario.group}/{scenario.name}: {wrong}")
            bad += 1
        elif not wrong and pending:
            print(f"{'note: ' if options.pending_may_pass else 'FAILED '}{scenario.group}/{scenario.name}: is pending, but passes")
            bad += not options.pending_may_pass
            early.add(scenario.name if scenario.name in PENDING else scenario.group)
        elif wrong and options.show_pending:
            print(f"pending {scenario.group}/{scenario.name}: {wrong}")
    if early:
        print(f"take the lines {', '.join(map(repr, sorted(early)))} out of tests/api/scenarios/pending.py")
    pending = 0 if everything else sum(map(is_pending, scenarios))
    mode = (" restless" if options.restless else "") + (" two servers" if options.two else "")
    print(f"{options.sdk}{mode}: {len(scenarios)} scenarios, {pending} of them pending, "
          f"{sum(len(s.steps) for s in scenarios)} steps, {seconds:.1f} s")
    print(f"{len(scenarios) - bad} passed, {bad} failed")
    return 1 if bad or not scenarios else 0


def against_mutants(options, scenarios):
    """Each deliberate bug of the model must make a scenario fail."""
    sys.path.append(str(ROOT / "tests/model"))
    from mutants import MUTANTS
    unseen = 0
    for number, words in MUTANTS.items():
        wrong = [name for name, problem in with_model(options, scenarios, "--mutate", str(number)).items() if problem]
        print(f"mutant {number}, {words}: {', '.join(wrong) or 'NOT SEEN'}", flush=True)
        unseen += not wrong
    print(f"{len(MUTANTS) - unseen} passed, {unseen} failed")
    return 1 if unseen else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdk", choices=["python", "python_async", "typescript", "java"])
    parser.add_argument("--mola")
    parser.add_argument("--url")
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--restless", action="store_true", help="flushes, merges and collections all the time")
    parser.add_argument("--two", action="store_true", help="two servers on one store, asked in turn")
    parser.add_argument("--kill", action="store_true", help="then kill -9, start again, and repeat the last reads of each scenario")
    parser.add_argument("--only", default="", help="scenarios with this in group/name")
    parser.add_argument("--everything", action="store_true", help="no scenario is pending")
    parser.add_argument("--pending-may-pass", action="store_true")
    parser.add_argument("--show-pending", action="store_true", help="say why pending scenarios fail")
    parser.add_argument("--mutants", action="store_true", help="with --model: does the table see each of its deliberate bugs?")
    options = parser.parse_args()
    start = time.monotonic()
    scenarios = chosen(options)
    if options.mutants:
        return against_mutants(options, scenarios)
    return verdict(options, scenarios, with_server(options, scenarios), time.monotonic() - start)


sys.exit(main())
