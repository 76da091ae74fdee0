"""The history checker believes true histories and finds what is wrong with false ones: check_history.py [SEEDS]

Histories are made up: entries at moments of a timeline, operations around them. Then each way of lying changes one."""
import copy
import random
import sys

from history import KEYS, Operation, Violation, apply, check, touched


def make(chance):
    """A strictly serializable history with groups, unknown and refused writes, strong and eventual reads."""
    states, marks, moments, operations, number = [(None,) * KEYS], [frozenset()], [0.0], [], 0
    for seq in range(1, 60):
        moments.append(moments[-1] + 0.02 + chance.random() * 0.1)
        state, seen, node = states[-1], set(marks[-1]), chance.randrange(3)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            number += 1
            keys = chance.sample(range(KEYS), 3)
            write = Operation(number, node, "write", moments[-1] - chance.random() * 0.02, moments[-1] + 0.001 +
                              chance.random() * 0.2, "ok", seq)
            setattr(write, chance.choice(("upsert", "upsert", "patch", "delete")), tuple(keys))
            write.patched = tuple(key for key in write.patch if state[key])
            state = apply(state, write)
            seen.add(number)
            if chance.random() < 0.1:
                write.outcome, write.seq, write.patched, write.end = "unknown", 0, (), write.start + 10
            operations.append(write)
        states.append(state)
        marks.append(frozenset(seen))
        if chance.random() < 0.1:  # never landed
            number += 1
            operations.append(Operation(number, 1, "write", moments[-1], moments[-1] + 1,
                                        chance.choice(("unknown", "failed")), upsert=(1, 2)))
    for seq in range(1, 60):
        until = moments[seq + 1] if seq < 59 else moments[seq] + 1
        for _ in range(chance.choice((0, 1, 1, 2))):
            at = moments[seq] + chance.random() * (until - moments[seq])
            operations.append(read(chance, seq, states, marks, at - 0.01 * chance.random(), at + 0.05))
        if chance.random() < 0.3:
            late = read(chance, seq, states, marks, until + 0.4, until + 0.5)
            late.kind, late.staleness = "eventual", 0.5
            operations.append(late)
    operations.append(read(chance, 59, states, marks, moments[-1] + 100, moments[-1] + 101, 0))
    return operations


def read(chance, seq, states, marks, start, end, above=None):
    newest = max(marks[seq])
    above = max(0, newest - chance.randrange(5, 40)) if above is None else above
    return Operation(0, chance.randrange(3), "strong", start, end, "ok", seq, rows=states[seq], marks_above=above,
                     marks=frozenset(n for n in marks[seq] if n > above), mark_count=len(marks[seq]))


# --- Ways of lying: each changes a history, or returns False when this one does not offer it ---

def strong(ops):
    return [op for op in ops if op.kind == "strong"]


def acked(ops):
    return [op for op in ops if op.kind == "write" and op.outcome == "ok"]


def lost_write(ops, chance):
    """An acknowledged write is nowhere, as if it had never been."""
    lost = chance.choice(acked(ops)).number
    for op in ops:
        if op.kind != "write":
            op.mark_count -= lost <= max(op.marks, default=0)
            op.marks -= {lost}


def refused_but_there(ops, chance):
    chance.choice(acked(ops)).outcome = "failed"


def stale_read(ops, chance):
    old, new = sorted(chance.sample(strong(ops), 2), key=lambda op: op.seq)
    if new.seq - old.seq < 4:
        return False
    for name in ("seq", "rows", "marks", "marks_above", "mark_count"):
        setattr(new, name, getattr(old, name))


def torn_batch(ops, chance):
    """One row of a write is as before it."""
    writes = {op.number: op for op in ops if op.kind == "write"}
    for op in chance.sample(strong(ops), len(strong(ops))):
        for key, row in enumerate(op.rows):
            if row and len([k for k in range(KEYS) if op.rows[k] and op.rows[k][0] == row[0]]) > 1 and row[0] in writes:
                op.rows = op.rows[:key] + (None,) + op.rows[key + 1:]
                return None
    return False


def swapped(ops, chance):
    """Two writes, one after the other, in the wrong order."""
    one, two = sorted(chance.sample(acked(ops), 2), key=lambda op: op.seq)
    if one.end >= two.start:
        return False
    one.seq, two.seq = two.seq, one.seq


def patch_of_nothing(ops, chance):
    alone = [op for op in acked(ops) if op.patch and not any(
        w is not op and abs(w.number - op.number) < 20 and set(touched(w)) & set(op.patch) and
        (w.seq == op.seq or w.outcome == "unknown") for w in ops)]  # else another order may explain it
    if not alone:
        return False
    op = chance.choice(alone)
    op.patched = op.patch if op.patched != op.patch else op.patch[:-1]


def eventual_too_old(ops, chance):
    late = [op for op in ops if op.kind == "eventual" and op.seq < 55]
    if not late:
        return False
    op = chance.choice(late)
    op.start, op.end = op.start + 10, op.end + 10


def twice(ops, chance):
    """A write done again by a late copy, over one that came after it."""
    final = ops[-1]
    for key, row in enumerate(final.rows):
        newer = [op for op in acked(ops) if row and op.number == row[0]]
        older = [op for op in acked(ops) if key in op.upsert and newer and op.seq < newer[0].seq]
        if older and not any(op.outcome == "unknown" and key in touched(op) for op in ops):
            final.rows = final.rows[:key] + ((older[-1].number, 0),) + final.rows[key + 1:]
            return None
    return False


def half_unknown(ops, chance):
    """An unknown write that is there, without one of its rows."""
    for op in ops:
        if op.kind != "strong":
            continue
        for key, row in enumerate(op.rows):
            if row and any(w.number == row[0] and w.outcome == "unknown" for w in ops):
                op.rows = op.rows[:key] + (None,) + op.rows[key + 1:]
                return None
    return False


def two_winners(ops, chance):
    """Two nodes were told that they had written the same entry."""
    one, two = chance.sample(acked(ops), 2)
    if one.node == two.node:
        return False
    two.seq, two.start, two.end = one.seq, one.start, one.end


LIES = [lost_write, refused_but_there, stale_read, torn_batch, swapped, patch_of_nothing, eventual_too_old, twice,
        half_unknown, two_winners]


def main(seeds="40"):
    told = dict.fromkeys((lie.__name__ for lie in LIES), 0)
    for seed in range(int(seeds)):
        chance = random.Random(seed)
        true = make(chance)
        check(true)
        for lie in LIES:
            false = copy.deepcopy(true)
            if lie(false, chance) is False:
                continue
            told[lie.__name__] += 1
            try:
                check(false)
            except Violation:
                continue
            print(f"FAILED: seed {seed}: {lie.__name__} was believed")
            return 1
    print(f"{seeds} true histories believed; lies found: {told}")
    return 0 if all(told.values()) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
