"""crash_states.py - every directory state that a power cut could leave, from a log of recorder.c.

The model of the disk, as weak as POSIX allows it to be:
  - The bytes of a file written before its last completed fsync are there. Of later writes any prefix
    may be, whole, torn, or with zeros where the bytes should be.
  - A name in a directory that was changed before the directory's last completed fsync is as it was
    then. Each name changed later is, by itself, in any of the states it has gone through since; also
    the two halves of a rename between directories are apart.
  - A directory whose own name is lost is lost with everything in it.
An fsync covers what stands above its begin in the log, once its end stands in the log.

    recording = Recording(log)
    for state in recording.states(limit=1000, seed=1):
        state.build("/tmp/state")     # a copy of the recorded root as the power cut left it
        state.promises                # the lines beginning with "A " that stand above the cut

Used by check_crash_states.py; usable with any program that was run under the recorder.
"""

import itertools
import os
import random
import re
import subprocess
from collections import namedtuple


class Node:
    """A file or directory, from its creation on: inode numbers are used again, nodes are not."""

    def __init__(self, is_directory):
        self.is_directory = is_directory
        self.syncs = []  # (end, begin) of completed fsyncs, as positions in the log
        self.names = {}  # directory: name -> [(position, node or None)]
        self.writes = []  # file: (position, offset, bytes), or (position, size, None): truncate

    def durable_until(self, cut):
        return max((begin for end, begin in self.syncs if end < cut), default=-1)


Sync = namedtuple("Sync", "inode callers")


class Recording:
    def __init__(self, path, forget=None):
        """`forget(callers)`: leave out the fsyncs of these callers, as if they were not in the code."""
        self.promises = []  # (position, words)
        self.interesting = []  # positions of cuts: behind each promise and each fsync
        self.sites = set()  # callers of all fsyncs
        self.root = None
        self.changes = 0
        nodes, open_syncs = {}, {}
        with open(path, encoding="ascii") as log:
            for position, line in enumerate(log):
                self.length = position + 1
                self._take(line.split(), position, nodes, open_syncs, forget)

    def _take(self, words, position, nodes, open_syncs, forget):
        kind = words[0]
        if kind == "O":
            if self.root is None:
                self.root = nodes[words[1]] = Node(True)
        elif kind == "A":
            self.promises.append((position, words[1:]))
            self.interesting.append(position + 1)
        elif kind == "B":
            callers = tuple(words[3:])
            self.sites.add(callers)
            if not (forget and forget(callers)):
                open_syncs[words[1]] = (nodes[words[2]], position)
        elif kind in "EF":
            node, begin = open_syncs.pop(words[1], (None, 0))
            if node and kind == "E":
                node.syncs.append((position, begin))
                self.interesting.append(position + 1)
        else:
            self.changes += 1
            self._change(kind, words, position, nodes)

    @staticmethod
    def _change(kind, words, position, nodes):
        def set_name(directory, name, node):
            history = nodes[directory].names.setdefault(bytes.fromhex(name), [])
            history.append((position, node))

        if kind in "CM":
            nodes[words[3]] = Node(kind == "M")
            set_name(words[1], words[2], nodes[words[3]])
        elif kind == "L":
            set_name(words[1], words[2], nodes[words[3]])
        elif kind == "R":
            set_name(words[1], words[2], None)
            set_name(words[3], words[4], nodes[words[5]])
        elif kind == "U":
            set_name(words[1], words[2], None)
        elif kind == "W":
            nodes[words[1]].writes.append((position, int(words[2]), bytes.fromhex(words[3])))
        elif kind == "T":
            nodes[words[1]].writes.append((position, int(words[2]), None))
        else:
            raise ValueError("a line the recorder does not write: " + " ".join(words))

    def all_kept(self):
        """The state without a power cut: what the tree must be now."""
        return State(self, self.length, Choices(default="new"))

    def states(self, limit, seed, quiet=lambda path: b"/tmp/" in path, per_cut=12):
        """At most `limit` states, spread over all cuts. Choices about paths that `quiet` holds true for
        are not tried one by one, only now and then at random."""
        chance = random.Random(seed)
        cuts = sorted(set(self.interesting)) or [self.length]
        wanted = max(1, limit // per_cut)
        if len(cuts) > wanted:
            cuts = sorted(chance.sample(cuts, wanted - 1) + [cuts[-1]])
        count = 0
        for cut in cuts:
            for choices in self._plans(cut, quiet, per_cut, chance):
                if count == limit:
                    return
                count += 1
                yield State(self, cut, choices)

    def _plans(self, cut, quiet, per_cut, chance):
        """All combinations where they are few; else the two extremes, single exceptions from them, and
        random ones, in this order."""
        seen = Choices(default="new")
        State(self, cut, seen).tree()
        open_choices = {k: n for k, n in seen.asked.items() if n > 1 and not quiet(k)}
        total = 1
        for n in open_choices.values():
            total *= n
            if total > per_cut:
                break
        if total <= per_cut:
            keys = sorted(open_choices)
            plans = [
                Choices(dict(zip(keys, picks)), default="old")
                for picks in itertools.product(*(range(open_choices[k]) for k in keys))
            ]
        else:
            plans = [Choices(default="old"), Choices(default="new")]
            for key in chance.sample(sorted(open_choices), min(len(open_choices), per_cut // 3)):
                plans.append(Choices({key: open_choices[key] - 1}, default="old"))
                plans.append(Choices({key: 0}, default="new"))
            while len(plans) < per_cut:
                plans.append(Choices(default="random", chance=random.Random(chance.random())))
            del plans[per_cut:]
        return plans


class Choices:
    """Which of n possible states each thing is in; `asked` collects what there was to choose."""

    def __init__(self, picked=None, default="old", chance=None):
        self.picked, self.default, self.chance = picked or {}, default, chance
        self.asked = {}

    def pick(self, key, count):
        self.asked[key] = count
        if key in self.picked:
            return min(self.picked[key], count - 1)
        if self.default == "random":
            return self.chance.randrange(count)
        return 0 if self.default == "old" else count - 1

    def __str__(self):
        special = ", ".join(f"{k.decode(errors='replace')}={v}" for k, v in self.picked.items())
        return f"{self.default}" + (f" but {special}" if special else "")


class State:
    def __init__(self, recording, cut, choices):
        self.recording, self.cut, self.choices = recording, cut, choices

    def __str__(self):
        return f"cut behind line {self.cut}, unsynced names and bytes: {self.choices}"

    @property
    def promises(self):
        for position, words in self.recording.promises:
            if position >= self.cut:
                return
            yield words

    def tree(self):
        """{path: bytes of a file, or None for a directory}"""
        out = {}
        self._directory(self.recording.root, b"", out)
        return out

    def _directory(self, node, path, out):
        durable = node.durable_until(self.cut)
        for name, history in node.names.items():
            values = [None]
            for position, value in history:
                if position >= self.cut:
                    break
                if position < durable:
                    values = [value]
                elif value in values:  # back to a state that is possible already
                    values.remove(value)
                    values.append(value)
                else:
                    values.append(value)
            below = path + b"/" + name
            child = values[self.choices.pick(below, len(values))]
            if child is None:
                continue
            if child.is_directory:
                out[below] = None
                self._directory(child, below, out)
            else:
                out[below] = self._bytes(child, below)

    def _bytes(self, node, path):
        durable = node.durable_until(self.cut)
        data, later = bytearray(), []
        for write in node.writes:
            if write[0] < durable:
                apply_write(data, write)
            elif write[0] < self.cut:
                later.append(write)
        if not later:
            return bytes(data)
        # nothing of it; length without bytes; each prefix; the last torn in the middle; all of it
        pick = self.choices.pick(path + b" (bytes)", len(later) + 3)
        if pick == 1:
            whole = bytearray(data)
            for write in later:
                apply_write(whole, write)
            return bytes(data) + bytes(len(whole) - len(data))
        kept = later if pick in (2, len(later) + 2) else later[: max(0, pick - 2)]
        for write in kept:
            apply_write(data, write)
        if pick == 2:
            position, offset, added = later[-1]
            del data[offset + len(added or b"") // 2 :]
        return bytes(data)

    def build(self, path):
        os.makedirs(path)
        for name, data in self.tree().items():
            target = os.fsencode(path) + name
            if data is None:
                os.mkdir(target)
                continue
            with open(target, "wb") as out:
                out.write(data)


def apply_write(data, write):
    _, offset, added = write
    if added is None:
        del data[offset:]
        data.extend(bytes(offset - len(data)))
        return
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(added)] = added


def read_tree(path):
    """The same form as State.tree(), from a directory on disk."""
    root, out = os.fsencode(path), {}
    for directory, names, files in os.walk(root):
        for name in names:
            out[os.path.join(directory, name)[len(root) :]] = None
        for name in files:
            full = os.path.join(directory, name)
            with open(full, "rb") as file:
                out[full[len(root) :]] = file.read()
    return out


class Symbols:
    """Return addresses of a recording as function names, inlined ones included."""

    def __init__(self, programs):
        self.programs = {os.path.basename(p): p for p in programs}
        self.known = {}

    def functions(self, caller):
        if caller not in self.known:
            name, _, offset = caller.rpartition("+")
            found = []
            if name in self.programs:
                # The call itself is before the address it returns to.
                text = subprocess.run(
                    ["addr2line", "-f", "-i", "-e", self.programs[name], hex(int(offset, 16) - 1)],
                    check=True, capture_output=True, text=True,
                ).stdout.split("\n")
                found = [re.sub(r"\..*", "", line) for line in text[0::2] if line and line != "??"]
                found = found or [caller]  # a build without symbols
            self.known[caller] = found
        return self.known[caller]

    def stack(self, callers):
        return tuple(f for caller in callers for f in self.functions(caller))
