"""Known bugs, one per rule of the storage protocol: a place in the production code, and what breaks the rule there.

Not here, because no seed of a few minutes shows them: holders listed once instead of twice (I10), where a grandchild
must come while the collector reads its parent, which has then waited 2 L; an incarnation without a CREATE entry taken
for dead although it was born after the names were listed, and names taken for read that could not be (I11):
check_sweep.c makes both happen. A member that comes to something else when it is evaluated again, unheard of by those
behind it: check_again.c. A branch that reads its source before its holders are there (I10): check_branch.c. Garbage
chosen by the age of an object cannot be written down: a LIST gives no age.

`profile`: seeds of that kind alone (sim.h); else all kinds, as the number of the seed says.
"""

NAMESPACE, WRITE, FORMAT, INDEX = "src/namespace/", "src/write/", "src/format/", "src/index/"


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
           ".when = MOLA_PUT_IF_ABSENT, /* I1: a slot is created once */", ".when = MOLA_PUT_ALWAYS,"),
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
    mutant("CONDITION_BEFORE_GROUP", WRITE + "evaluate.c",
           "e->view = draft->seen ? draft->seen : draft->view;", "e->view = draft->view;"),
    mutant("IDS_HOLD_BLINDLY", WRITE + "again.c",
           "!has_id(again, &plan->rows.ids, first_looked_at(plan));", "true;"),
    mutant("FILTERS_HOLD_BLINDLY", WRITE + "again.c",
           "bool holds = none_matches(again, &own, plan->delete_by_filter) &&", "bool holds = true ||", profile="mixed"),
    # I2, I8: births and deaths
    mutant("MANIFEST_BLIND", NAMESPACE + "publish.c",
           ".when = old->etag.len ? MOLA_PUT_IF_MATCH : MOLA_PUT_IF_ABSENT,", ".when = MOLA_PUT_ALWAYS,"),
    mutant("CREATE_412_IS_LOSS", NAMESPACE + "publish.c",
           "outcome = read_back(&ask.ctx, name, next, &now);", "outcome = MOLA_CAS_LOST;"),
    mutant("MOVED_IS_LOST", NAMESPACE + "birth.c",
           "outcome = what_became(ctx, name, born);", "outcome = MOLA_CAS_LOST;", seeds=4000),
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
           "if (!mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen))", "if (seen.boot_ns == 0)", profile="margins"),
    mutant("NO_READ_RECHECK", NAMESPACE + "catch_up.c",
           "if (!mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {",
           "if (!absent && !mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {"),
    mutant("FENCE_FROM_ANSWER", NAMESPACE + "hold.c",
           "err = keep(name, held, ask->sent);", "err = keep(name, held, mola_moment_now(name->all->env));", seeds=6000),
    mutant("FENCE_FROM_BIRTH", NAMESPACE + "birth.c",
           "mola_hold_keep_written(name, held, sent);",
           "{\n        sent.boot_ns += name->all->fence_ns;\n        mola_hold_keep_written(name, held, sent);\n    }"),
    mutant("FENCE_NEVER_ENDS", NAMESPACE + "hold.c",
           "uint64_t window = name->all->fence_ns / 2;", "uint64_t window = name->all->fence_ns * 100000;"),
    mutant("FENCE_FULL_W", NAMESPACE + "hold.c",
           "uint64_t window = name->all->fence_ns / 2;", "uint64_t window = name->all->fence_ns;", profile="margins"),
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
           "if (held->manifest.ver < known) {", "if (held->manifest.ver + 1000 < known) {", profile="brief"),
    mutant("NO_CHECKSUM", FORMAT + "entry.c",
           "if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)", "if (image.len == 0)"),
    # groups
    mutant("GROUP_HALF_ANSWERED", WRITE + "commit.c",
           "fail_until(r->commit, r->end, MOLA_UNKNOWN,", "fail_until(r->commit, r->end, MOLA_UNAVAILABLE,"),
    mutant("BLIND_TO_ITS_OWN_GROUP", WRITE + "evaluate.c",
           "if (place)\n            return place->rows->ops[place->row] != MOLA_OP_DELETE;\n", ""),
    # I3: the floor of a living log
    mutant("FLOOR_OURS_ONLY", NAMESPACE + "log.c",
           "if (!mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen))",
           "if (slot == MOLA_SLOT_OURS && !mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen))", profile="margins"),
    mutant("FLOOR_THEIRS_ONLY", NAMESPACE + "log.c",
           "if (!mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen))",
           "if (slot != MOLA_SLOT_OURS && !mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen))", profile="margins"),
    mutant("RECHECK_TAIL_ONLY", NAMESPACE + "catch_up.c",
           "if (!mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {",
           "if (absent && !mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {", profile="margins"),
    # I6: clocks, and the collector's half of the fence
    mutant("FENCE_WALL_CLOCK", NAMESPACE + "hold.c",
           "seen.boot_ns - name->sent.boot_ns > window)", "window == 0)", profile="margins"),
    mutant("FENCE_NO_SUSPEND", NAMESPACE + "hold.c",
           "static bool is_trusted(const mola_name *name, mola_moment seen)\n{",
           "uint64_t sim_suspended_ns(mola_env *env, uint64_t boot_ns);\n"
           "static bool is_trusted(const mola_name *name, mola_moment seen)\n{\n"
           "    seen.boot_ns -= sim_suspended_ns(name->all->env, name->sent.boot_ns);", profile="margins"),
    mutant("GC_NO_WAIT", INDEX + "waits.c",
           "wait->pending = floor;\n        wait->since_ns = now_ns;", "wait->safe = floor;"),
    mutant("GC_HALF_WAIT", INDEX + "waits.c",
           "now_ns - wait->since_ns >= fence_ns)", "now_ns - wait->since_ns >= fence_ns / 2)", profile="margins"),
    mutant("GC_RESTART_NO_WAIT", INDEX + "waits.c",
           "if (!wait->pending && floor > wait->safe) {",
           "if (!wait->pending && !wait->safe)\n        wait->safe = floor;\n    if (!wait->pending && floor > wait->safe) {"),
    # I7: what left the table
    mutant("RETIRED_NO_WAIT", INDEX + "collect.c",
           "now_ns - first_ns >= 2 * lease_ns(p) &&", "now_ns >= first_ns &&"),
    mutant("RETIRED_ONE_LEASE", INDEX + "collect.c",
           "now_ns - first_ns >= 2 * lease_ns(p) &&", "now_ns - first_ns >= lease_ns(p) &&"),
    mutant("RETIRED_BY_SEGMENT", INDEX + "waits.c",
           "uint64_t seen_ns = mola_wait_row_ns(wait, &m->retired[i]);",
           "uint64_t seen_ns = mola_wait_row_ns(wait, &m->retired[i]);\n        for (uint32_t b = 0; b < BUCKETS; b++)\n"
           "            for (mola_wait *other = waits->buckets[b]; other; other = other->next)\n"
           "                if (mola_wait_row_ns(other, &m->retired[i]) < seen_ns)\n"
           "                    seen_ns = mola_wait_row_ns(other, &m->retired[i]);"),
    mutant("RETIRED_NOT_AT_ALL", INDEX + "table.c", "if (kept < before)", "if (kept <= before)"),
    mutant("FOREIGN_OBJECTS_DELETED", INDEX + "collect.c",
           "if (memcmp(row->owner, p->m->nsid, sizeof row->owner) != 0)", "if (row->base == UINT64_MAX)"),
    mutant("CLEANUP_ON_UNKNOWN", INDEX + "flush.c",
           "err = publish(f);",
           "err = publish(f);\n    if (err == MOLA_UNKNOWN) {\n        mola_key key = mola_key_segment((mola_str){0}, f->ref.owner, "
           "f->ref.base, f->ref.rand, 'h', 0);\n        mola_store_op op = {.verb = MOLA_DELETE, .key = mola_key_str(&key)};\n"
           "        mola_store_run(f->build.ctx.env->store, &f->build.ctx, &op, 1);\n    }", profile="damage"),
    # I4: gc_floor
    mutant("GC_NO_FENCE", INDEX + "collect.c",
           "return base < gc_floor && !is_referred_to", "return !is_referred_to"),
    mutant("GC_FORGETS_RETIRED", INDEX + "collect.c",
           "!is_referred_to(p->m, base, rand) && !is_retired(p->m, base, rand) &&",
           "!is_referred_to(p->m, base, rand) &&"),
    mutant("FLOOR_IS_CURRENT", INDEX + "collect.c",
           "next.gc_floor = wanted_gc_floor(p);", "next.gc_floor = next.ver;"),
    mutant("FLOOR_IS_YOUNG", INDEX + "collect.c",
           "plus(h->time_us, p->indexer->config.gc_floor_age_us) <= now_us)", "h->time_us <= now_us)"),
    mutant("PUBLISHED_BELOW_THE_FLOOR", INDEX + "table.c", "if (base < now->gc_floor)", "if (base + 1 == 0)"),
    # I9: publication
    mutant("FLUSH_UNCHECKED", INDEX + "flush.c",
           "if (m->indexed_seq + 1 != f->ref.seq_from) {", "if (m->ver == 0) {"),
    mutant("FLUSH_INTO_ANOTHER_LIFE", INDEX + "table.c",
           "if (now->deleted || memcmp(now->nsid, nsid, 16) != 0)", "if (now->deleted)"),
    mutant("DELETES_OF_AN_OLD_TABLE", INDEX + "flush.c",
           "if (!mola_table_same_segments(m, mola_held_manifest(f->table))) {", "if (m->ver == 0) {"),
    mutant("MERGE_UNCHECKED", INDEX + "merge.c", "return MOLA_NOWHERE;\n}", "return g->plan.first;\n}"),
    mutant("MERGE_LOSES_DELETES", INDEX + "merge.c",
           "if (same || g->info.rows == 0)", "if (same || g->info.rows + 1 > 0)"),
    mutant("SEAL_INDEXED", NAMESPACE + "catch_up.c",
           "if (!err && c->alone && (record->entry.flags & MOLA_ENTRY_SEAL))", "if (!err && c->alone && record->entry.seq == 0)"),
    mutant("SEAL_UNFINISHED", NAMESPACE + "birth.c",
           "mola_finish_deletion(ctx, name, m->nsid);\n        mola_why_clear(ctx->why);\n    }\n    return err;",
           "mola_why_clear(ctx->why);\n    }\n    return err;", profile="brief"),
    # I10: children
    mutant("HOLDERS_IGNORED", INDEX + "holders.c",
           "mola_err err = list(r, FIRST);", "return MOLA_OK;\n    mola_err err = list(r, FIRST);"),
    mutant("UNBORN_HOLDS_NOTHING", INDEX + "holders.c",
           "*out = !err && gone ? HOLDS_NOTHING : HOLDS_EVERYTHING;", "*out = HOLDS_NOTHING;"),
    mutant("CHILD_FLOOR_NO_WAIT", INDEX + "holders.c", "safe = floor->safe;", "safe = child->wal_floor;"),
    mutant("CHILD_RETIRED_IGNORED", INDEX + "holders.c",
           "for (uint32_t i = 0; i < child->retired_count && !err; i++) {",
           "for (uint32_t i = 0; i < child->retired_count && child->ver == 0; i++) {"),
    # I11: the dead
    mutant("SWEEP_NO_FENCE", INDEX + "doomed.c", "err = put_tombstone(ctx, name, held);", "err = MOLA_OK;"),
    mutant("DEAD_NO_WAIT", INDEX + "doomed.c", "*gone = waited(indexer, since_ns);", "*gone = true;", profile="brief"),
    mutant("DEAD_BY_SUSPICION", INDEX + "doomed.c",
           "known->dead_ns = now;", "known->dead_ns = known->suspect_ns;", profile="brief"),
    # I14: bytes of segments, and which of them a view shows
    mutant("NO_BLOCK_CHECKSUM", "src/codec/block.c",
           "if (memcmp(sum, block.data + summed.len, sizeof sum) != 0)", "if (block.len == 0)"),
    mutant("NO_DELETES_CHECKSUM", FORMAT + "delete_vector.c",
           "if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)", "if (image.len == 0)", profile="damage"),
    mutant("NO_HEAD_CHECKSUM", FORMAT + "segment_head.c",
           "if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)", "if (image.len == 0)", profile="damage"),
    mutant("HASH_PAGE_KEPT_UNCHECKED", NAMESPACE + "page_make.c",
           "mola_err err = mola_segment_index_check(&w->segment->head, w->number, b->bytes);", "mola_err err = MOLA_OK;", profile="damage"),
    mutant("VIEW_NEVER_FOLLOWS", NAMESPACE + "open.c",
           "(view->manifest_ver > m->ver || same_segments(view, m));", "(m->ver || same_segments(view, m));", profile="margins"),
    mutant("OLDEST_SEGMENT_DECIDES", NAMESPACE + "locate.c",
           "for (uint32_t p = l->view->segment_count; p-- > 0;) {", "for (uint32_t p = 0; p < l->view->segment_count; p++) {"),
    # branches, made by the production code
    mutant("BRANCH_WITHOUT_HOLDERS", NAMESPACE + "branch.c",
           "err = put_all(b, ops, count);\n    mola_buf_free(&image);", "err = MOLA_OK;\n    mola_buf_free(&image);"),
    mutant("BRANCH_FORGETS_LINEAGE", NAMESPACE + "branch.c",
           "if (m->lineage[i].last_seq > m->indexed_seq)", "if (false)"),
    mutant("BRANCH_SHARES_DELETES", NAMESPACE + "branch.c",
           "if (!err)\n        err = copy_all_deletes(b);", ""),
    mutant("BRANCH_OF_ANOTHER_LIFE", NAMESPACE + "branch.c",
           "if (mola_same_nsid(b->point->nsid, b->from->manifest.nsid))", "if (b->point)"),
    mutant("BIRTH_LOST_IS_DONE", NAMESPACE + "birth.c",
           "case MOLA_CAS_LOST:\n        MOLA_SOMETIMES(create_race_lost);\n        return MOLA_CONFLICT;",
           "case MOLA_CAS_LOST:\n        return MOLA_OK;"),
]
