"""Is a history of one namespace strictly serializable?

Every write carries the sequence number of its log entry and every read the one it saw, so the order is not guessed. Each
write also upserts a row of its own, its mark, that nobody touches again: reads list the marks of recent writes and count
all of them, which tells of writes with an unknown outcome whether and about where they landed. Checked is:

* real time: a strong read sees at least, and a write makes more than, every sequence number seen by an operation that
  ended before it began; an eventual read at least what was seen `staleness` seconds before it began;
* acknowledged writes are there in every read of their sequence number or later, refused ones never, unknown ones wholly
  or not at all, and each of them once;
* there is an order of the writes within their entries, and a place for each unknown one, in which every read shows
  exactly the state of its sequence number, and every patch found exactly the rows that it says.
"""
import bisect
import dataclasses
import itertools

KEYS = 12
BRANCHES_MAX, PLACINGS_MAX = 20000, 200000


@dataclasses.dataclass
class Operation:
    number: int             # of a write: its mark
    node: int
    kind: str               # "write", "strong", "eventual"
    start: float
    end: float = 0.0
    outcome: str = ""       # "ok", "failed": for certain not done; "unknown"
    seq: int = 0
    upsert: tuple = ()      # keys; what a write leaves in them is its number
    patch: tuple = ()
    delete: tuple = ()
    patched: tuple = ()     # what the answer says
    rows: tuple = ()        # of a read: (upserted by, patched by) or None for each key
    marks: frozenset = frozenset()  # those there of the numbers above marks_above and those in marks_asked
    marks_above: int = 0
    marks_asked: frozenset = frozenset()
    mark_count: int = 0
    staleness: float = 0.0


class Violation(Exception):
    pass


def apply(state, write):
    """The state after it; None: its answer does not fit."""
    if write.outcome == "ok" and write.patched != tuple(key for key in write.patch if state[key]):
        return None
    rows = list(state)
    for key in write.upsert:
        rows[key] = (write.number, 0)
    for key in write.patch:
        if rows[key]:
            rows[key] = (rows[key][0], write.number)
    for key in write.delete:
        rows[key] = None
    return tuple(rows)


def touched(write):
    return write.upsert + write.patch + write.delete


# What a row must be, seen backwards from a read: a row or None, exactly; (by, ANYTHING); EXISTS; ANYTHING.
ANYTHING, EXISTS = "anything", "exists"


def fits(wanted, row):
    if wanted in (ANYTHING, EXISTS):
        return wanted == ANYTHING or row is not None
    return wanted == row or bool(wanted and row and wanted[1] == ANYTHING and wanted[0] == row[0])


def before_patch(wanted, write, key):
    """What the row must have been before; False: it cannot have been the last to touch it."""
    if write.outcome == "ok" and key not in write.patched:
        return None if wanted in (ANYTHING, None) else False
    if wanted == ANYTHING:
        return EXISTS if write.outcome == "ok" else ANYTHING
    if wanted == EXISTS:
        return EXISTS
    if wanted is None:
        return False if write.outcome == "ok" else None
    return (wanted[0], ANYTHING) if wanted[1] in (ANYTHING, write.number) else False


def undo(wanted, write):
    """What the rows must have been before `write`, if it came last; None: it did not."""
    rows = list(wanted)
    for key in write.upsert:
        if not fits(rows[key], (write.number, 0)):
            return None
        rows[key] = ANYTHING
    for key in write.delete:
        if not fits(rows[key], None):
            return None
        rows[key] = ANYTHING
    for key in write.patch:
        rows[key] = before_patch(rows[key], write, key)
        if rows[key] is False:
            return None
    return tuple(rows)


def is_free(write, wanted, group):
    """If there is an order at all, there is one in which it comes last: no other answer depends on it, nor its own on
    what is not known yet."""
    if write.patch:
        return write.outcome != "ok" or all(wanted[key] != ANYTHING for key in write.patch)
    return not any(other.outcome == "ok" and set(other.patch) & set(touched(write)) for other in group)


def explains(state, groups, wanted):
    """Is there an order of the writes within their groups that makes `wanted` of `state`? It is sought from the end."""
    groups = [list(group) for group in groups if group]
    while groups:
        last = [(write, undo(wanted, write)) for write in groups[-1]]
        last = [(write, rows) for write, rows in last if rows]
        free = [(write, rows) for write, rows in last if is_free(write, wanted, groups[-1])]
        if not free:
            return any(explains(state, groups[:-1] + [[w for w in groups[-1] if w is not write]], rows)
                       for write, rows in last)
        write, wanted = free[0]
        groups[-1] = [w for w in groups[-1] if w is not write]
        if not groups[-1]:
            groups.pop()
    return all(fits(want, row) for want, row in zip(wanted, state))


class History:
    def __init__(self, operations):
        self.writes = [op for op in operations if op.kind == "write"]
        self.reads = [op for op in operations if op.kind != "write" and op.outcome == "ok"]
        self.acked = {op.number: op for op in self.writes if op.outcome == "ok"}
        self.refused = {op.number for op in self.writes if op.outcome == "failed"}
        self.unknown = {op.number: op for op in self.writes if op.outcome == "unknown"}
        self.known = [op for op in operations if op.outcome == "ok"]
        self.last = max(op.seq for op in self.known)
        ended = sorted((op.end, op.seq) for op in self.known)
        self.ends = [end for end, _ in ended]
        self.newest = list(itertools.accumulate((seq for _, seq in ended), max))

    def seen_before(self, moment):
        """The highest sequence number of an operation that ended before."""
        at = bisect.bisect_left(self.ends, moment)
        return self.newest[at - 1] if at else 0

    # --- Real time ---

    def check_times(self):
        for op in self.known:
            least = self.seen_before(op.start - op.staleness) + (op.kind == "write")
            if op.seq < least:
                raise Violation(f"too old: {op} is at {op.seq}; before it began {least} was seen")
        for seq, members in self.entries().items():
            if max(op.start for op in members) >= min(op.end for op in members):
                raise Violation(f"entry {seq} holds a write that began after another had ended: {members}")
            if len({op.node for op in members}) > 1:
                raise Violation(f"entry {seq} was acknowledged by two nodes: {members}")

    def entries(self):
        found = {}
        for op in self.acked.values():
            found.setdefault(op.seq, []).append(op)
        return found

    # --- Marks ---

    def check_marks(self):
        """The landed unknown writes, each with the bounds of its place: after, until."""
        bounds = {number: [self.seen_before(op.start), self.last] for number, op in self.unknown.items()}
        landed = set()
        numbers = sorted(self.acked)
        earliest = list(itertools.accumulate((self.acked[n].seq for n in reversed(numbers)), min))[::-1] + [self.last + 1]
        unknowns = sorted(self.unknown)
        for read in self.reads:
            strange = read.marks - self.acked.keys() - self.unknown.keys()
            if strange:
                raise Violation(f"marks {strange} in {read}: "
                                f"{'refused writes' if strange & self.refused else 'writes that nobody sent'}")
            newest = bisect.bisect_right(numbers, max(read.marks, default=read.marks_above))
            while earliest[newest] <= read.seq:  # behind the last mark that was read there must be none
                newest += 1
            for number in numbers[bisect.bisect_right(numbers, read.marks_above):newest]:
                if (number in read.marks) != (self.acked[number].seq <= read.seq):
                    raise Violation(f"{self.acked[number]} is {'' if number in read.marks else 'not '}there in {read}")
            for number in {*unknowns[bisect.bisect_right(unknowns, read.marks_above):], *read.marks_asked}:
                if number in read.marks:
                    landed.add(number)
                    bounds[number][1] = min(bounds[number][1], read.seq)
                elif self.unknown[number].start < read.start:
                    bounds[number][0] = max(bounds[number][0], read.seq)
        for number in landed:
            if bounds[number][0] >= bounds[number][1]:
                raise Violation(f"{self.unknown[number]} is there at {bounds[number][1]}, not at {bounds[number][0]}")
        return {number: tuple(bounds[number]) for number in landed}

    # --- States ---

    def placings(self, entries, first, last, chosen, places):
        """Every way to put the chosen unknown writes into the entries first..last."""
        def options(number):
            after, until = places[number]
            node = self.unknown[number].node
            return [seq for seq in range(max(first, after + 1), min(last, until) + 1)
                    if all(op.node == node for op in entries.get(seq, ()))]
        for tried, seqs in enumerate(itertools.product(*map(options, chosen))):
            if tried == PLACINGS_MAX:
                raise Violation(f"entries {first}..{last}: too many places for unknown writes {chosen}")
            groups = [list(entries.get(seq, ())) for seq in range(first, last + 1)]
            for number, seq in zip(chosen, seqs):
                groups[seq - first].append(self.unknown[number])
            if all(group and len({op.node for op in group}) == 1 for group in groups):
                yield groups

    def check_states(self, places):
        """From read to read: the writes between them must make the one's state of the other's."""
        entries, views = self.entries(), {0: ((None,) * KEYS, 0)}
        for read in self.reads:
            view = views.setdefault(read.seq, (read.rows, read.mark_count))
            if view != (read.rows, read.mark_count):
                raise Violation(f"two states of {read.seq}: {view}, {read}")
        seqs, branches = sorted(views), {frozenset()}  # unknown writes with a place so far
        for before, seq in zip(seqs, seqs[1:]):
            acked = sum(len(entries.get(s, ())) for s in range(before + 1, seq + 1))
            count = views[seq][1] - views[before][1] - acked
            near = [n for n, (after, until) in places.items() if after < seq and until > before]
            grown = set()
            for placed in branches:
                must = [n for n in near if n not in placed and places[n][1] <= seq]
                may = [n for n in near if n not in placed and places[n][1] > seq]
                for some in itertools.combinations(may, count - len(must)) if count >= len(must) else ():
                    if any(explains(views[before][0], groups, views[seq][0])
                           for groups in self.placings(entries, before + 1, seq, [*must, *some], places)):
                        grown.add(placed.union(must, some))
            if not grown:
                raise Violation(f"entries {before + 1}..{seq}: no order of "
                                f"{[op for s in range(before + 1, seq + 1) for op in entries.get(s, ())]} with {count} "
                                f"unknown ones of {near} makes {views[seq]} of {views[before]}")
            if len(grown) > BRANCHES_MAX:
                raise Violation(f"entry {seq}: too many places for unknown writes")
            branches = grown


def check(operations):
    """Raises Violation. The last read must be a strong one of all marks. Returns figures about what was checked."""
    history = History(operations)
    last = history.reads[-1]
    if last.kind != "strong" or last.marks_above or last.seq != history.last:
        raise Violation(f"the last read did not see the end: {last}, {history.last}")
    history.check_times()
    places = history.check_marks()
    history.check_states(places)
    return {"entries": history.last, "acknowledged": len(history.acked), "reads": len(history.reads),
            "refused": len(history.refused), "unknown": len(history.unknown), "of them landed": len(places)}
