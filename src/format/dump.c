#include "format/dump.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"
#include "mola/codec/datetime.h"
#include "mola/codec/print.h"
#include "mola/format/entry.h"
#include "mola/format/holder.h"
#include "mola/format/key.h"
#include "mola/format/manifest.h"
#include "mola/format/operation.h"
#include "mola/model/schema.h"

typedef unsigned long long ull;

/* -- small pieces ------------------------------------------------------------------------------ */

void mola_dump_hex(mola_dump *d, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mola_buf_print(d->out, "%02x", bytes[i]);
}

void mola_dump_time(mola_dump *d, const char *label, uint64_t us)
{
    const uint64_t end = UINT64_C(253402300800000000); /* of the year 9999 */
    mola_buf_print(d->out, "%s ", label);
    if (us == 0) {
        mola_buf_add_str(d->out, MOLA_STR("not set"));
    } else if (us < end) {
        mola_timestamp_print(d->out, us);
    } else {
        mola_buf_print(d->out, "%llu us", (ull)us);
    }
    mola_buf_add_char(d->out, '\n');
}

void mola_dump_type(mola_dump *d, mola_type type)
{
    char text[MOLA_TYPE_TEXT_BYTES];
    mola_buf_add(d->out, text, mola_type_print(type, text));
}

static void line_hex(mola_dump *d, const char *label, const uint8_t *bytes, size_t count)
{
    mola_buf_print(d->out, "%s ", label);
    mola_dump_hex(d, bytes, count);
    mola_buf_add_char(d->out, '\n');
}

static void line_sum(mola_dump *d, mola_str bytes)
{
    uint8_t sum[16];
    mola_sum128(bytes, sum);
    line_hex(d, "xxh3-128", sum, sizeof sum);
}

static void dump_state(mola_dump *d, const mola_state *state)
{
    const char *metric = mola_metric_name(state->metric);
    mola_buf_print(d->out, "id type %s, metric %s, next attribute %u\n",
                   mola_elem_name(state->id_type), metric ? metric : "none", state->next_attr);
    if (state->read_only || state->pinned_replicas || state->shards) {
        mola_buf_print(d->out, "%spinned replicas %u, shards %u\n",
                       state->read_only ? "read only, " : "", state->pinned_replicas,
                       state->shards);
    }
    for (uint32_t i = 0; i < state->attr_count; i++) {
        const mola_attr *a = &state->attrs[i];
        mola_buf_print(d->out, "attribute %u ", a->id);
        mola_dump_type(d, a->type);
        mola_buf_add_char(d->out, ' ');
        mola_print_string(d->out, a->name);
        mola_buf_print(d->out, "%s%s%s%s%s%s\n", a->filterable ? " filterable" : "",
                       a->regex ? " regex" : "", a->glob ? " glob" : "", a->fuzzy ? " fuzzy" : "",
                       a->ann ? " ann" : "", a->has_fts ? " full_text_search" : "");
    }
    for (uint32_t i = 0; i < state->embed_count; i++) {
        const mola_embed *e = &state->embeds[i];
        mola_buf_print(d->out, "attribute %u becomes %u by the model ", e->source, e->target);
        mola_print_string(d->out, (mola_str){e->model, e->model_bytes});
        mola_buf_add_char(d->out, '\n');
    }
}

/* -- manifests --------------------------------------------------------------------------------- */

static void dump_segment_row(mola_dump *d, const mola_segment_ref *ref,
                             const mola_segment_info *info)
{
    mola_buf_print(d->out, "segment %016llx.%016llx of ", (ull)ref->base, (ull)ref->rand);
    mola_dump_hex(d, ref->owner, sizeof ref->owner);
    mola_buf_print(d->out, ": entries %llu to %llu, level %u, rows %u", (ull)ref->seq_from,
                   (ull)ref->seq_to, info->level, info->rows);
    if (info->rows) {
        mola_buf_print(d->out, ", head %llu bytes, data %llu bytes in %u objects",
                       (ull)info->head_bytes, (ull)info->data_bytes, info->object_count);
    }
    if (info->deleted) {
        mola_buf_print(d->out, ", deleted %u by %016llx.%016llx", info->deleted, (ull)ref->dv_base,
                       (ull)ref->dv_rand);
    }
    mola_buf_add_char(d->out, '\n');
}

static void dump_tables(mola_dump *d, const mola_manifest *m)
{
    for (uint32_t i = 0; i < m->lineage_count; i++) {
        mola_buf_print(d->out, "entries up to %llu are of ", (ull)m->lineage[i].last_seq);
        mola_dump_hex(d, m->lineage[i].nsid, sizeof m->lineage[i].nsid);
        mola_buf_add_char(d->out, '\n');
    }
    for (uint32_t i = 0; i < m->segment_count; i++)
        dump_segment_row(d, &m->segments[i], &m->infos[i]);
    for (uint32_t i = 0; i < m->inline_count; i++) {
        const mola_inline_object *o = &m->inlines[i];
        mola_buf_print(d->out, "inline %c.%08x of %016llx.%016llx: %zu bytes\n", (char)o->kind,
                       o->number, (ull)o->base, (ull)o->rand, o->bytes.len);
    }
    for (uint32_t i = 0; i < m->retired_count; i++) {
        const mola_retired *r = &m->retired[i];
        mola_buf_print(d->out, "retired %016llx.%016llx of ", (ull)r->base, (ull)r->rand);
        mola_dump_hex(d, r->owner, sizeof r->owner);
        mola_buf_print(d->out, ", version %llu", (ull)r->at_ver);
        mola_dump_time(d, " at", r->time_us);
    }
    for (uint32_t i = 0; i < m->history_count; i++) {
        mola_buf_print(d->out, "version %llu", (ull)m->history[i].ver);
        mola_dump_time(d, " at", m->history[i].time_us);
    }
}

static mola_err dump_manifest(mola_dump *d, mola_str name, mola_str bytes)
{
    mola_manifest m;
    mola_err err = mola_manifest_decode(bytes, &d->arena, d->heap, &m, d->why);
    if (err)
        return err;
    mola_buf_print(d->out, "%s of '" MOLA_FMT "', %zu bytes%s\n",
                   m.deleted ? "tombstone" : "manifest", MOLA_ARG(name), bytes.len,
                   m.newer ? ", of a newer format" : "");
    line_hex(d, "nsid", m.nsid, sizeof m.nsid);
    line_hex(d, "commit", m.commit_id, sizeof m.commit_id);
    mola_buf_print(d->out, "epoch %llu, version %llu\n", (ull)m.epoch, (ull)m.ver);
    if (m.deleted) {
        mola_dump_time(d, "deleted", m.time_us);
        return MOLA_OK;
    }
    mola_buf_print(d->out, "indexed_seq %llu, chain %016llx, wal_floor %llu, gc_floor %llu\n",
                   (ull)m.indexed_seq, (ull)m.indexed_chain, (ull)m.wal_floor, (ull)m.gc_floor);
    mola_dump_time(d, "indexed entry", m.indexed_time_us);
    mola_dump_time(d, "created", m.created_us);
    mola_dump_time(d, "updated", m.updated_us);
    mola_dump_time(d, "written", m.written_us);
    dump_tables(d, &m);
    if (m.state)
        dump_state(d, m.state);
    mola_state_unref(m.state);
    return MOLA_OK;
}

/* -- the log ----------------------------------------------------------------------------------- */

static void dump_rows(mola_dump *d, const mola_rows *rows)
{
    uint32_t count[MOLA_OP_DELETE + 1] = {0};
    for (uint32_t r = 0; r < rows->count; r++)
        count[rows->ops[r]]++;
    mola_buf_print(d->out, "rows %u: %u upserts, %u patches, %u deletes\n", rows->count,
                   count[MOLA_OP_UPSERT], count[MOLA_OP_PATCH], count[MOLA_OP_DELETE]);
    if (rows->count) {
        mola_buf_add_str(d->out, MOLA_STR("ids "));
        mola_dump_type(d, rows->ids.type);
        mola_buf_add_char(d->out, '\n');
    }
    for (uint32_t i = 0; i < rows->column_count; i++) {
        const mola_column *c = &rows->columns[i].column;
        uint64_t bytes = 0;
        uint32_t present = 0;
        for (uint32_t r = 0; r < c->rows; r++) {
            present += mola_column_has(c, r);
            bytes += mola_column_row_bytes(c, r);
        }
        mola_buf_print(d->out, "attribute %u ", rows->columns[i].attr);
        mola_dump_type(d, c->type);
        mola_buf_print(d->out, ": %u values, %llu bytes\n", present, (ull)bytes);
    }
}

static void dump_flags(mola_dump *d, uint32_t flags)
{
    static const char *const names[] = {"CREATE", "SEAL",   "CONFIG", "SCHEMA",
                                        "LARGE",  "BRANCH", "COPY"};
    mola_buf_add_str(d->out, MOLA_STR("flags"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (flags >> i & 1)
            mola_buf_print(d->out, " %s", names[i]);
    }
    mola_buf_add_char(d->out, '\n');
}

static mola_err dump_entry(mola_dump *d, const uint8_t nsid[16], uint64_t seq, mola_str bytes)
{
    mola_entry e;
    mola_entry_memory *memory;
    mola_err err = mola_entry_decode(d->heap, bytes, nsid, seq, &e, &memory, d->why);
    if (err)
        return err;
    mola_buf_print(d->out, "log entry %llu, %zu bytes\n", (ull)seq, bytes.len);
    line_hex(d, "nsid", e.nsid, sizeof e.nsid);
    line_hex(d, "batch", e.batch_id, sizeof e.batch_id);
    mola_buf_print(d->out, "previous chain %016llx, own chain %016llx\n", (ull)e.prev_chain,
                   (ull)mola_entry_chain(&e));
    mola_dump_time(d, "time", e.time_us);
    dump_flags(d, e.flags);
    if (e.flags & MOLA_ENTRY_CREATE) {
        mola_buf_print(d->out, "creates '" MOLA_FMT "' on manifest version %llu\n",
                       MOLA_ARG(e.name), (ull)e.cond_ver);
    }
    if (e.flags & MOLA_ENTRY_LARGE) {
        mola_buf_print(d->out, "rows in payload %016llx.%016llx, %llu bytes, ", (ull)e.large.base,
                       (ull)e.large.rand, (ull)e.large.bytes);
        line_hex(d, "xxh3-128", e.large.sum, sizeof e.large.sum);
    }
    dump_rows(d, &e.rows);
    if (e.state)
        dump_state(d, e.state);
    mola_state_unref(e.state);
    mola_entry_free(d->heap, memory);
    return MOLA_OK;
}

/* Its sum stands in its entry, which is not at hand: it is shown to be compared. */
static mola_err dump_payload(mola_dump *d, mola_str bytes)
{
    mola_rows rows;
    mola_entry_memory *memory;
    mola_payload_ref ref = {.bytes = bytes.len};
    mola_buf_print(d->out, "payload, %zu bytes\n", bytes.len);
    line_sum(d, bytes);
    mola_sum128(bytes, ref.sum);
    mola_err err = mola_payload_decode(d->heap, bytes, &ref, &rows, &memory, d->why);
    if (err)
        return err;
    dump_rows(d, &rows);
    mola_entry_free(d->heap, memory);
    return MOLA_OK;
}

static mola_err dump_holder(mola_dump *d, mola_str bytes)
{
    mola_holder h;
    mola_err err = mola_holder_decode(bytes, &h, d->why);
    if (err)
        return err;
    mola_buf_print(d->out, "holder, %zu bytes\n", bytes.len);
    line_hex(d, "for", h.child, sizeof h.child);
    mola_buf_print(d->out, "flags%s%s%s\n", h.flags & MOLA_HOLDER_OPEN ? " OPEN" : "",
                   h.flags & MOLA_HOLDER_DONE ? " DONE" : "",
                   h.flags & MOLA_HOLDER_ABANDONED ? " ABANDONED" : "");
    if (h.name.len) {
        mola_buf_print(d->out, "born as '" MOLA_FMT "' on manifest version %llu\n",
                       MOLA_ARG(h.name), (ull)h.cond_ver);
    }
    if (h.archive.len)
        mola_buf_print(d->out, "archive " MOLA_FMT "\n", MOLA_ARG(h.archive));
    return MOLA_OK;
}

static mola_err dump_operation(mola_dump *d, mola_str bytes)
{
    mola_operation o;
    mola_err err = mola_operation_decode(bytes, &o, d->why);
    if (err)
        return err;
    bool copy = o.kind == MOLA_OPERATION_COPY;
    mola_buf_print(d->out, "operation, %zu bytes\n%s '" MOLA_FMT "'", bytes.len,
                   copy ? "copy into" : "recall of", MOLA_ARG(o.name));
    if (copy)
        mola_buf_print(d->out, " of '" MOLA_FMT "'", MOLA_ARG(o.request));
    mola_buf_print(d->out, ", %u tries\n", o.tries);
    for (uint32_t i = 0; copy && i < o.tries; i++)
        line_hex(d, "try for", o.nsids[i], sizeof o.nsids[i]);
    mola_dump_time(d, "started", o.started_us);
    mola_dump_time(d, "tried", o.tried_us);
    if (o.state == MOLA_OPERATION_RUNNING)
        return MOLA_OK;
    mola_dump_time(d, "finished", o.finished_us);
    if (o.status)
        mola_buf_print(d->out, "failed with status %u\n", o.status);
    mola_buf_print(d->out, "result, %zu bytes\n", o.result.len);
    return MOLA_OK;
}

/* -- by key ------------------------------------------------------------------------------------ */

/* A hint is never believed: whatever it is, it is shown as text when it is one. */
static mola_err dump_hint(mola_dump *d, mola_str bytes)
{
    enum { SHOWN_MAX = 1024 };
    mola_buf_print(d->out, "work hint, %zu bytes\n", bytes.len);
    if (bytes.len == 0 || bytes.len > SHOWN_MAX || !mola_utf8_ok(bytes))
        return MOLA_OK;
    mola_print_string(d->out, bytes);
    mola_buf_add_char(d->out, '\n');
    return MOLA_OK;
}

static mola_err not_a_key(mola_dump *d, mola_str key)
{
    return mola_fail(d->why, MOLA_INVALID, "'" MOLA_FMT "' is not a key of an object of mola",
                     MOLA_ARG(key));
}

/* What lies under d/{nsid}/ but log entries. */
static mola_err dump_object(mola_dump *d, mola_str key, const uint8_t nsid[16], mola_str rest,
                            mola_str bytes)
{
    uint64_t base, rand;
    uint32_t number;
    mola_str tail;
    char kind;
    if (mola_key_parse_object(rest, 'p', &base, &rand, &tail) && tail.len == 0)
        return dump_payload(d, bytes);
    if (mola_key_parse_object(rest, 'x', &base, &rand, &tail) && tail.len == 0)
        return mola_dump_deletes(d, nsid, base, rand, bytes);
    if (mola_key_parse_object(rest, 's', &base, &rand, &tail) &&
        mola_key_parse_number(tail, &kind, &number)) {
        if (kind == 'h')
            return mola_dump_segment_head(d, nsid, base, rand, bytes);
        mola_buf_print(d->out, "data object %u of a segment, %zu bytes\n", number, bytes.len);
        line_sum(d, bytes);
        return MOLA_OK;
    }
    if (mola_str_starts(rest, MOLA_STR("r/")) && mola_name_ok(mola_str_from(rest, 2)))
        return dump_holder(d, bytes);
    return not_a_key(d, key);
}

static mola_err dump_by_key(mola_dump *d, mola_str org, mola_str key, mola_str bytes)
{
    uint8_t nsid[16];
    uint64_t seq;
    mola_str name, rest;
    if (mola_key_parse_manifest(org, key, &name))
        return dump_manifest(d, name, bytes);
    if (mola_key_parse_entry(org, key, nsid, &seq))
        return dump_entry(d, nsid, seq, bytes);
    if (mola_key_parse_hint(org, key, nsid))
        return dump_hint(d, bytes);
    mola_key operations = mola_key_operation(org, (mola_str){0});
    if (mola_str_starts(key, mola_key_str(&operations)))
        return dump_operation(d, bytes);
    if (mola_key_parse_incarnation(org, key, nsid, &rest))
        return dump_object(d, key, nsid, rest, bytes);
    return not_a_key(d, key);
}

mola_err mola_dump_image(mola_heap *heap, mola_str org, mola_str key, mola_str bytes, mola_buf *out,
                         mola_why *why)
{
    mola_dump d = {.heap = heap, .out = out, .why = why};
    mola_arena_init(&d.arena, heap, MOLA_DUMP_ARENA_BYTES);
    mola_err err = dump_by_key(&d, org, key, bytes);
    mola_arena_reset(&d.arena);
    return !err && out->failed ? mola_fail(why, MOLA_NO_MEMORY, "out of memory for a text") : err;
}
