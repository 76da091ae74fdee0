"""Known bugs, one per rule of the storage protocol: a place in the production code, and what breaks the rule there.

Two bugs of rule I3 are not here, because nothing can meet them yet: trusting the floor for "theirs" but not for "ours", and
for the final 404 but not for the entries before it. They need a floor that rises within a living incarnation, which comes
with segments and their collector; the code keeps the rule already.
"""

NAMESPACE, WRITE, FORMAT = "src/namespace/", "src/write/", "src/format/"


def mutant(name, file, old, new, **more):
    return {"name": name, "file": file, "old": old, "new": new, **more}


MUTANTS = [
    # I1, I5: the slot of a log entry
    mutant("PUT_412_IS_LOSS", NAMESPACE + "draft.c",
           "return read_back(ask, draft, mola_key_str(&key), theirs);",
           "return MOLA_SLOT_NOT_WRITTEN;"),
    mutant("TIMEOUT_IS_ACK", NAMESPACE + "draft.c",
           "if (op.err == MOLA_OK)\n            return MOLA_SLOT_OURS;",
           "if (op.err == MOLA_OK || op.err == MOLA_UNKNOWN)\n            return MOLA_SLOT_OURS;"),
    mutant("TIMEOUT_IS_FAIL", NAMESPACE + "draft.c",
           "may_have_landed = true;", "may_have_landed = false;"),
    mutant("ACK_BEFORE_PUT", NAMESPACE + "log.c",
           "err = commit(&ask, name, on, &draft);", "(void)commit(&ask, name, on, &draft);"),
    mutant("WAL_BLIND", NAMESPACE + "draft.c",
           ".when = MOLA_PUT_IF_ABSENT};", ".when = MOLA_PUT_ALWAYS};"),
    mutant("SKIP_ON_409", NAMESPACE + "draft.c",
           "if (op.err == MOLA_CONFLICT)\n            return read_back",
           "if (op.err == MOLA_UNAVAILABLE)\n            return MOLA_SLOT_THEIRS;\n        if (op.err == MOLA_CONFLICT)\n"
           "            return read_back"),
    mutant("RESENT_UNDER_ANOTHER_ID", NAMESPACE + "log.c",
           "return err == MOLA_UNKNOWN ? answer_unknown(ctx, name) : err;",
           "return err == MOLA_UNKNOWN ? MOLA_CONFLICT : err;"),
    mutant("STALE_CONDITION", NAMESPACE + "log.c",
           "return err == MOLA_UNKNOWN ? answer_unknown(ctx, name) : err;",
           "if (err == MOLA_CONFLICT) {\n        mola_view *now = mola_view_cached(name);\n"
           "        if (now && !now->sealed && now->seq > on->seq && mola_same_nsid(now->nsid, on->nsid))\n"
           "            return mola_log_append(ctx, name, now, change, after);\n    }\n"
           "    return err == MOLA_UNKNOWN ? answer_unknown(ctx, name) : err;"),
    # I2, I8: births and deaths
    mutant("MANIFEST_BLIND", NAMESPACE + "publish.c",
           ".when = old->etag.len ? MOLA_PUT_IF_MATCH : MOLA_PUT_IF_ABSENT,", ".when = MOLA_PUT_ALWAYS,"),
    mutant("CREATE_412_IS_LOSS", NAMESPACE + "publish.c",
           "outcome = read_back(&ask.ctx, name, next, &now);", "outcome = MOLA_CAS_LOST;"),
    mutant("MOVED_IS_LOST", NAMESPACE + "birth.c",
           "outcome = was_born(ctx, name, born.nsid) ? MOLA_CAS_OK : MOLA_CAS_UNKNOWN;", "outcome = MOLA_CAS_LOST;", seeds=4000),
    mutant("BIRTH_WITHOUT_ENTRY", NAMESPACE + "birth.c",
           "if (!err)\n        err = put_entry(ctx, &first);", "if (!err)\n        (void)put_entry(ctx, &first);"),
    mutant("NSID_REUSED", NAMESPACE + "birth.c",
           "mola_chance(ctx->env, nsid,\n                sizeof nsid);",
           "if (old->manifest.ver)\n        memcpy(nsid, old->manifest.nsid, sizeof nsid);\n    else\n"
           "        mola_chance(ctx->env, nsid, sizeof nsid);"),
    mutant("SEAL_IS_ABSENT", NAMESPACE + "read.c",
           "err = read_past_seal(ctx, name, view->nsid);", "err = fail_absent(ctx, name);"),
    mutant("WRITES_BEHIND_A_SEAL", NAMESPACE + "log.c",
           "if (!err && (*view)->sealed) {", "if (!err && (*view)->sealed && (*view)->seq == 0) {"),
    # I3, I6: the floor and the fence
    mutant("NO_FLOOR_CHECK", NAMESPACE + "log.c",
           "if (!mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen))", "if (seen.boot_ns == 0)"),
    mutant("NO_READ_RECHECK", NAMESPACE + "catch_up.c",
           "if (!mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {",
           "if (!absent && !mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {"),
    mutant("FENCE_FROM_ANSWER", NAMESPACE + "hold.c",
           "err = keep(name, held, ask->sent);", "err = keep(name, held, mola_moment_now(name->all->env));", seeds=6000),
    mutant("FENCE_NEVER_ENDS", NAMESPACE + "hold.c",
           "uint64_t window = name->all->fence_ns / 2;", "uint64_t window = name->all->fence_ns * 100000;"),
    mutant("FENCE_FULL_W", NAMESPACE + "hold.c",
           "uint64_t window = name->all->fence_ns / 2;", "uint64_t window = name->all->fence_ns;", seeds=6000),
    # I12, I13, I14: reads and refusals
    mutant("REFUSE_UNSETTLED", WRITE + "commit.c",
           "err = mola_log_prove(&r->ctx, commit->name, r->on);", "err = MOLA_OK;"),
    mutant("STALE_VIEW", NAMESPACE + "read.c",
           "if (freshness->level == MOLA_READ_STRONG || !read_cached", "if (!read_cached"),
    mutant("JOIN_IN_FLIGHT", NAMESPACE + "read.c",
           "uint64_t ticket = name->probes_sent + 1;\n    if",
           "uint64_t ticket = name->probes_sent + (name->probes_sent == name->probes_done);\n    if"),
    mutant("EVENTUAL_NEVER_OLD", NAMESPACE + "read.c",
           "now - name->proved_ns > staleness_ns", "now == staleness_ns"),
    mutant("VIEW_GOES_BACK", NAMESPACE + "registry.c",
           "if (!over && forward) {", "if (!over && (forward || now)) {", seeds=6000),
    mutant("HOLD_GOES_BACK", NAMESPACE + "hold.c",
           "if (held->manifest.ver < known) {", "if (held->manifest.ver + 1000 < known) {", seeds=6000),
    mutant("NO_CHECKSUM", FORMAT + "entry.c",
           "if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)", "if (image.len == 0)"),
    # groups
    mutant("GROUP_HALF_ANSWERED", WRITE + "commit.c",
           "fail_until(r->commit, r->end, MOLA_UNKNOWN,", "fail_until(r->commit, r->end, MOLA_UNAVAILABLE,"),
    mutant("BLIND_TO_ITS_OWN_GROUP", WRITE + "draft.c",
           "if (place)\n        return place->rows->ops[place->row] != MOLA_OP_DELETE;\n", ""),
]
