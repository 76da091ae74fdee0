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
BRANCHES_MAX, UNPLACED_MAX = 20000, 12


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


def apply_group(state, members):
    """Every state that some order of the members makes."""
    keys = [key for write in members for key in touched(write)]
    if len(keys) == len(set(keys)):
        members = [members]  # any order is as good
    else:
        members = itertools.permutations(members)
    found = set()
    for order in members:
        after = state
        for write in order:
            after = after and apply(after, write)
        if after:
            found.add(after)
    return found


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
        unknowns = sorted(self.unknown)
        for read in self.reads:
            strange = read.marks - self.acked.keys() - self.unknown.keys()
            if strange:
                raise Violation(f"marks {strange} in {read}: "
                                f"{'refused writes' if strange & self.refused else 'writes that nobody sent'}")
            for number in numbers[bisect.bisect_right(numbers, read.marks_above):]:
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

    def choices(self, seq, members, free):
        """Which unknown writes may stand in an entry beside these members."""
        must = [n for n, until in free if until == seq]
        may = [n for n, until in free if until != seq]
        if len(may) > UNPLACED_MAX:
            raise Violation(f"entry {seq}: too many places for unknown writes: {free}")
        for count in range(len(may) + 1):
            for some in itertools.combinations(may, count):
                group = members + [self.unknown[n] for n in (*must, *some)]
                if group and len({op.node for op in group}) == 1:
                    yield (*must, *some), group

    def check_states(self, places):
        entries, views = self.entries(), {}
        for read in self.reads:
            views.setdefault(read.seq, set()).add((read.rows, read.mark_count))
        branches, acked = {((None,) * KEYS, frozenset())}, 0
        for seq in range(1, self.last + 1):
            members = entries.get(seq, [])
            acked += len(members)
            near = [(n, until) for n, (after, until) in places.items() if after < seq <= until]
            grown = set()
            for state, placed in branches:
                free = [(n, until) for n, until in near if n not in placed]
                for some, group in self.choices(seq, members, free):
                    grown |= {(after, placed.union(some)) for after in apply_group(state, group)}
            # Forget which of them stood where, once all of them must stand somewhere.
            over = {n for n, _ in near if places[n][1] <= seq}
            count = acked + sum(until <= seq for _, until in places.values())
            branches = {(state, placed - over) for state, placed in grown
                        if all(view == (state, count + len(placed - over)) for view in views.get(seq, ()))}
            if not branches:
                raise Violation(f"entry {seq}: no order of {members or 'nobody known'} with {near or 'no unknown ones'} "
                                f"makes what was read: {views.get(seq)}; without reads: {list(grown)[:3]}")
            if len(branches) > BRANCHES_MAX:
                raise Violation(f"entry {seq}: too many orders are possible to check them")


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
