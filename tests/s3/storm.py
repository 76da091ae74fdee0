"""Clients on three `mola serve` on one bucket, behind a proxy that fails, while servers are killed, stopped and started.
Then history.py judges what they saw.

    storm.py SERVER MOLA [--seconds 60] [--fence 4] [--long-stop] [--seed N] [--calm] [--settled] [--one-writer]
             [--mix JSON] [--shape JSON] [--lie FAULT] [--log FILE]

Writers upsert, patch and delete rows of one namespace, several at a time; readers read all of it, strongly and
eventually. The nemesis kills servers (SIGKILL), stops them for longer than the fence (SIGSTOP), restarts them and cuts
the store off; --long-stop stops one for three minutes; --calm: none of this. --lie: the proxy does this to requests once
the servers run; then the run succeeds when the checker objects. Indexing and collection are as eager as they can be,
but with --settled as they are by default; with --one-writer only the first server's clients write.
"""
import argparse
import dataclasses
import http.client
import json
import random
import signal
import sys
import threading
import time

from history import KEYS, Operation, Violation, check
from run import Server, start_node

NODES, WRITERS, READERS = 3, 3, 2  # clients of each node
MARKS = 1000                       # ids of marks: this and the number of the write
WINDOW, ASKED = 60, 40             # numbers whose marks a read lists: the newest, and of unknown ones
CLIENT_SECONDS, START_ATTEMPTS = 20, 20
NAME = "storm"
MIX = {"503_before": 0.02, "503_after": 0.02, "429_before": 0.01, "409_before": 0.01, "reset_before": 0.02,
       "reset_after": 0.03, "stall_before": 0.01, "stall_after": 0.01, "twice": 0.03, "zombie": 0.03, "torn_upload": 0.01,
       "torn_answer": 0.01, "torn_head": 0.01, "flipped": 0.01, "stale_log_list": 0.05}


class Storm:
    def __init__(self, server, binary, options):
        self.server, self.binary, self.options = server, binary, options
        self.chance = random.Random(options.seed)
        self.lock = threading.Lock()  # guards the next three
        self.numbers, self.operations, self.unknown = 0, [], []
        self.words, self.events, self.ending = {}, {}, False
        self.flags = ("--fence-seconds", options.fence) + (() if options.settled else (
            "--flush-rows", "50", "--flush-age-ms", "300", "--merge-fan-in", "2", "--retention-seconds", "0",
            "--gc-floor-age-seconds", "0", "--inline-bytes-max", "8K", "--sweep-seconds", 10 * options.fence))
        self.nodes = [start_node(server, binary, "storm", *self.flags) for _ in range(NODES)]

    # --- Operations ---

    def begin(self, node, kind):
        with self.lock:
            self.numbers += kind == "write"
            op = Operation(self.numbers if kind == "write" else 0, node, kind, time.monotonic())
            if kind != "write":
                op.marks_above = max(0, self.numbers - WINDOW)
                op.marks_asked = frozenset(self.unknown[-ASKED:])
            return op

    def finish(self, op, words=""):
        op.end = time.monotonic()
        with self.lock:
            self.operations.append(op)
            if op.outcome == "unknown":
                self.unknown.append(op.number)
            if op.outcome != "ok":
                said = f"{op.kind}, {op.outcome}: {words}"
                self.words[said] = self.words.get(said, 0) + 1

    def ask(self, node, path, body):
        """(status, answer, sequence); status 0: the request was not even sent, -1: no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=CLIENT_SECONDS)
        try:
            connection.connect()
        except OSError:
            return 0, {"error": "no connection"}, 0
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text), int(answer.getheader("mola-seq") or 0)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return -1, {"error": type(error).__name__}, 0
        finally:
            connection.close()

    def write(self, at, chance):
        op = self.begin(at, "write")
        keys = tuple(sorted(chance.sample(range(KEYS), chance.randrange(1, 4))))
        kind = chance.choice(("upsert", "upsert", "patch", "delete"))
        setattr(op, kind, keys)
        rows = [{"id": key, "by": op.number, "patched": 0} for key in op.upsert]
        body = {"upsert_rows": rows + [{"id": MARKS + op.number, "by": 0, "patched": 0}]}
        if op.patch:
            body |= {"patch_rows": [{"id": key, "patched": op.number} for key in op.patch], "return_affected_ids": True}
        if op.delete:
            body["deletes"] = list(op.delete)
        status, answer, op.seq = self.ask(self.nodes[at], f"/v2/namespaces/{NAME}", body)
        words = str(answer.get("error"))
        if status == 200:
            op.outcome, op.patched = "ok", tuple(sorted(answer.get("patched_ids", [])))
        else:
            op.outcome, op.seq = "unknown" if status == -1 or "outcome unknown" in words else "failed", 0
        self.finish(op, words[:60])

    def read(self, at, kind, chance=None, node=None):
        op = self.begin(at, kind)
        newest = ["id", "Gt", MARKS + op.marks_above]
        if op.marks_asked:
            newest = ["Or", [newest, ["id", "In", [MARKS + number for number in sorted(op.marks_asked)]]]]
        body = {"queries": [
            {"rank_by": ["id", "asc"], "filters": ["id", "Lt", MARKS], "limit": 1000, "include_attributes": True},
            {"rank_by": ["id", "asc"], "filters": newest, "limit": 1000},
            {"aggregate_by": {"many": ["Count"]}, "filters": ["id", "Gte", MARKS]}]}
        if kind == "eventual":
            op.staleness = chance.choice((0, 1, 3))
            body["consistency"] = {"level": "eventual", "max_staleness_seconds": op.staleness}
        status, answer, op.seq = self.ask(node or self.nodes[at], f"/v2/namespaces/{NAME}/query", body)
        op.outcome = "ok" if status == 200 else "failed"
        if status == 200:
            rows, marks, count = answer["results"]
            found = {row["id"]: (row["by"], row["patched"]) for row in rows["rows"]}
            op.rows = tuple(found.get(key) for key in range(KEYS))
            op.marks = frozenset(row["id"] - MARKS for row in marks["rows"])
            op.mark_count = count["aggregations"]["many"]
        self.finish(op, str(answer.get("error"))[:60])
        return op

    def last_read(self):
        """A strong read of everything, by a server that has seen nothing and meets no fault."""
        node = start_node(self.server, self.binary, "storm", *self.flags, straight=True)
        while True:
            marks, after = set(), MARKS - 1
            while True:
                status, answer, seq = self.ask(node, f"/v2/namespaces/{NAME}/query", {
                    "rank_by": ["id", "asc"], "filters": ["id", "Gt", after], "limit": 10000})
                if status != 200:
                    node.stop()
                    raise Violation(f"the last read fails: {answer}")
                if not answer["rows"]:
                    break
                marks |= {row["id"] - MARKS for row in answer["rows"]}
                after = answer["rows"][-1]["id"]
            op = self.read(0, "strong", node=node)
            if op.seq == seq and op.outcome == "ok":
                op.marks, op.marks_above = frozenset(marks), 0
                return node.stop()

    # --- Clients and nemesis ---

    def client(self, at, seed, is_writer):
        chance = random.Random(seed)
        while not self.ending:
            if is_writer:
                self.write(at, chance)
            else:
                self.read(at, chance.choice(("strong", "strong", "strong", "eventual")), chance)
            time.sleep(chance.random() * (0.15 if self.operations[-1].outcome == "ok" else 0.5))

    def start_again(self, node):
        """The start may fail: a store that cannot be tried is not used."""
        for _ in range(START_ATTEMPTS):
            try:
                return node.start()
            except AssertionError:
                self.note("start failed")
                node.process.kill()
                node.process.wait()
        raise AssertionError(f"a server did not start: {node.lines[-3:]}")

    def note(self, event):
        self.events[event] = self.events.get(event, 0) + 1

    def stop_for(self, node, seconds):
        node.process.send_signal(signal.SIGSTOP)
        self.rest(seconds)
        node.process.send_signal(signal.SIGCONT)

    def rest(self, seconds):
        until = time.monotonic() + seconds
        while not self.ending and time.monotonic() < until:
            time.sleep(0.05)

    def nemesis(self, free):
        """Does one thing after the other to the nodes that are free for it."""
        while not self.ending:
            self.rest(1 + 3 * self.chance.random())
            node, draw = self.nodes[self.chance.choice(free)], self.chance.random()
            self.server.set_proxy(zombie_seconds=self.chance.random() * 2 * self.options.fence)
            if draw < 0.35:
                self.note("kill -9")
                node.kill()
                self.rest(self.chance.random())
                self.start_again(node)
            elif draw < 0.7:
                self.note("SIGSTOP")
                self.stop_for(node, self.chance.choice((0.5, 0.7, 1.5)) * self.options.fence)
            elif draw < 0.85:
                self.note("restart")
                node.stop()
                self.start_again(node)
            else:
                self.note("cut")
                self.server.set_proxy(cut=True)
                self.rest(0.5 + 3 * self.chance.random())
                self.server.set_proxy(cut=False)

    def long_stop(self):
        self.rest(self.options.seconds / 6)
        self.note("SIGSTOP of three minutes")
        self.stop_for(self.nodes[2], 180)

    def run(self):
        options = self.options
        self.write(0, random.Random(0))
        shape = json.loads(options.shape)
        self.server.set_proxy(mix={options.lie: 0.5} if options.lie else json.loads(options.mix), shape=shape, reset=True)
        work = [threading.Thread(target=self.client, args=(at, f"{options.seed} {at} {i}",
                                                                   i < WRITERS and not (at and options.one_writer)))
                for at in range(NODES) for i in range(WRITERS + READERS)]
        if not options.calm and not options.lie:
            work.append(threading.Thread(target=self.nemesis, args=([0, 1] if options.long_stop else [0, 1, 2],)))
        if options.long_stop:
            work.append(threading.Thread(target=self.long_stop))
        for thread in work:
            thread.start()
        time.sleep(options.seconds)
        self.ending = True
        for thread in work:
            thread.join()
        self.counts = self.server.set_proxy(mix={}, shape={}, cut=False)
        statuses = [node.stop() for node in self.nodes]
        time.sleep(0 if options.calm or options.lie else 2 * options.fence)  # whatever is still on its way
        statuses.append(self.last_read())
        return statuses


def report(storm):
    ops = storm.operations
    late = [op for op in ops if op.end - op.start > 10.5]
    definite = len(ops) - len({id(op) for op in ops if op.outcome == "unknown"} | {id(op) for op in late})
    print(f"{len(ops)} operations, {definite} ({100 * definite / len(ops):.2f} %) definite and in time; "
          f"slowest {max(op.end - op.start for op in ops):.1f} s")
    for kind in ("write", "strong", "eventual"):
        took = sorted(op.end - op.start for op in ops if op.kind == kind and op.outcome == "ok")
        tried = sum(op.kind == kind for op in ops)
        if took:
            print(f"  {kind}: {len(took)} of {tried} done; p50 {1000 * took[len(took) // 2]:.0f} ms, "
                  f"p99 {1000 * took[len(took) * 99 // 100]:.0f} ms")
    for said, count in sorted(storm.words.items(), key=lambda item: -item[1])[:12]:
        print(f"  {count} x {said}")
    print(f"  events: {storm.events}; requests {storm.counts['requests']}, faults {sum(storm.counts['faults'].values())}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fence", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--mix", default=json.dumps(MIX))
    parser.add_argument("--shape", default="{}")
    parser.add_argument("--long-stop", action="store_true")
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("--settled", action="store_true")
    parser.add_argument("--one-writer", action="store_true")
    parser.add_argument("--lie")
    parser.add_argument("--log")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with Server(options.server) as server:
        storm = Storm(server, options.binary, options)
        try:
            statuses, broken = storm.run(), None
        except Violation as violation:
            statuses, broken = [], violation
    report(storm)
    if options.log:
        with open(options.log, "w") as file:
            for op in storm.operations:
                print(json.dumps(dataclasses.asdict(op), default=sorted), file=file)
    try:
        if broken:
            raise broken
        said = check(storm.operations)
    except Violation as violation:
        print(f"VIOLATION: {violation}"[:3000])
        return 0 if options.lie else 1
    print(f"strictly serializable: {said}")
    if options.lie:
        print(f"FAILED: {options.lie} was not noticed")
        return 1
    good = all(status in (0, 3) for status in statuses)
    print(f"exit statuses {statuses}")
    for node, status in zip(storm.nodes, statuses):
        if status not in (0, 3):
            print("\n".join(node.lines[-20:]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
