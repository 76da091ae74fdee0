#include "mola/index/fsck.h"
#include "index/fsck_run.h"
#include "index/segment_sink.h"
#include "mola/base/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS_MAX = 3, WORDS_MAX = 512, PATIENCE_SECONDS = 120 };

/* ------------------------------------------------------------------ findings */
void mola_fsck_damage(mola_fsck_run *run, mola_str object, const char *format, ...)
{
    char words[WORDS_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    run->totals->damaged++;
    mola_buf_print(run->report, "damaged ns/%.*s %.*s: %s\n", MOLA_ARG(run->name), MOLA_ARG(object),
                   words);
}

void mola_fsck_bad(mola_fsck_run *run, mola_str object, mola_err err, const mola_why *why)
{
    mola_str words = why->len ? mola_why_text(why) : mola_str_of(mola_err_name(err));
    mola_fsck_damage(run, object, MOLA_FMT, MOLA_ARG(words));
}

/* ------------------------------------------------------------------ reading */
mola_ctx mola_fsck_hurry(const mola_fsck_run *run)
{
    mola_ctx ctx = *run->ctx;
    uint64_t latest = mola_boot_ns(ctx.env) + PATIENCE_SECONDS * MOLA_SECOND;
    if (ctx.deadline_ns > latest)
        ctx.deadline_ns = latest;
    return ctx;
}

mola_err mola_fsck_ask(mola_fsck_run *run, mola_store_op *op, mola_arena *arena)
{
    mola_ctx ctx = mola_fsck_hurry(run);
    mola_why why = {0};
    ctx.arena = arena;
    ctx.why = &why;
    for (uint32_t attempt = 0;; attempt++) {
        mola_why_clear(&why);
        mola_store_run(ctx.env->store, &ctx, op, 1);
        run->ctx->roundtrips = ctx.roundtrips;
        bool answered = op->err != MOLA_UNAVAILABLE && op->err != MOLA_UNKNOWN &&
                        op->err != MOLA_BUSY && (op->err != MOLA_CORRUPT || attempt > 0);
        if (answered)
            break;
        if (!mola_index_back_off(&ctx, attempt)) {
            return mola_fail(run->ctx->why, MOLA_UNAVAILABLE,
                             "the object store did not answer in time");
        }
    }
    if (op->err == MOLA_OK || op->err == MOLA_NOT_FOUND || op->err == MOLA_CORRUPT)
        return MOLA_OK;
    mola_str words = why.len ? mola_why_text(&why) : mola_str_of(mola_err_name(op->err));
    return mola_fail(run->ctx->why, op->err, MOLA_FMT, MOLA_ARG(words));
}

mola_err mola_fsck_read(mola_fsck_run *run, mola_str key, mola_arena *arena, bool *found,
                        mola_str *bytes)
{
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    mola_err err = mola_fsck_ask(run, &op, arena);
    *found = false;
    if (err)
        return err;
    if (op.err) {
        mola_fsck_damage(run, key, "%s",
                         op.err == MOLA_NOT_FOUND ? "missing" : "the store reports it as damaged");
        return MOLA_OK;
    }
    char *copy = mola_arena_alloc(arena, op.bytes.len, 1, 64);
    if (!copy)
        return MOLA_NO_MEMORY;
    if (op.bytes.len)
        memcpy(copy, op.bytes.data, op.bytes.len);
    *bytes = (mola_str){copy, op.bytes.len};
    *found = true;
    run->totals->objects++;
    run->totals->bytes += op.bytes.len;
    return MOLA_OK;
}

/* ------------------------------------------------------------------ one name */
static mola_err look_at(mola_fsck_run *run, mola_name *name)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < run->m->segment_count && !err; i++)
        err = mola_fsck_segment(run, i);
    if (!err && run->totals->damaged == 0) /* else it could only repeat what was found */
        err = mola_fsck_ids(run, name);
    if (!err)
        err = mola_fsck_log(run);
    if (!err)
        err = mola_fsck_orphans(run);
    return err;
}

static mola_err read_manifest(mola_fsck_run *run, mola_name *name, mola_why *why, mola_held **out)
{
    mola_ctx ctx = mola_fsck_hurry(run);
    ctx.why = why;
    mola_err err = mola_manifest_read(&ctx, name, out);
    run->ctx->roundtrips = ctx.roundtrips;
    return err;
}

/* One look. *again: the manifest has moved on before it was over, or what looks like damage may
 * come from that. */
static mola_err look_once(mola_fsck_run *run, mola_name *name, uint8_t nsid[16], bool *live,
                          bool *again)
{
    mola_held *held = NULL, *after = NULL;
    mola_why why = {0};
    *live = *again = false;
    mola_err err = read_manifest(run, name, &why, &held);
    if (mola_fsck_is_finding(err)) {
        *live = true;
        mola_fsck_bad(run, MOLA_STR("manifest"), err, &why);
        return MOLA_OK;
    }
    if (err)
        return mola_fail(run->ctx->why, err, MOLA_FMT, MOLA_ARG(mola_why_text(&why)));
    const mola_manifest *m = mola_held_manifest(held);
    *live = !m->deleted;
    if (*live) {
        memcpy(nsid, m->nsid, 16);
        mola_buf_init(&run->payloads, run->ctx->env->heap);
        run->m = m;
        err = look_at(run, name);
        mola_buf_free(&run->payloads);
    }
    if (!err && run->totals->damaged) {
        err = read_manifest(run, name, run->ctx->why, &after);
        *again = !err && mola_held_manifest(after)->ver != m->ver;
        mola_held_unref(after);
    }
    *again |= run->moved;
    mola_held_unref(held);
    return err;
}

static void add_totals(mola_fsck_totals *to, const mola_fsck_totals *from)
{
    to->names += from->names;
    to->segments += from->segments;
    to->rows += from->rows;
    to->entries += from->entries;
    to->objects += from->objects;
    to->bytes += from->bytes;
    to->damaged += from->damaged;
    to->orphans += from->orphans;
    to->young += from->young;
    to->collectable += from->collectable;
    to->nameless += from->nameless;
}

static void report_name(mola_buf *report, mola_str name, const mola_fsck_totals *t)
{
    mola_buf_print(report,
                   "%s ns/%.*s segments=%llu rows=%llu entries=%llu objects=%llu bytes=%llu "
                   "orphans=%llu young=%llu collectable=%llu\n",
                   t->damaged ? "damaged" : "ok", MOLA_ARG(name), (unsigned long long)t->segments,
                   (unsigned long long)t->rows, (unsigned long long)t->entries,
                   (unsigned long long)t->objects, (unsigned long long)t->bytes,
                   (unsigned long long)t->orphans, (unsigned long long)t->young,
                   (unsigned long long)t->collectable);
}

static mola_err check_name(mola_ctx *ctx, mola_namespaces *all, mola_str org, mola_str text,
                           mola_buf *report, mola_fsck_totals *totals, uint8_t nsid[16], bool *live)
{
    mola_name *name = mola_name_open(all, text);
    if (!name)
        return MOLA_NO_MEMORY;
    mola_err err = MOLA_OK;
    bool again = true;
    for (int round = 1; again && !err; round++) {
        mola_buf lines;
        mola_buf_init(&lines, ctx->env->heap);
        mola_fsck_totals found = {.names = 1};
        mola_fsck_run run = {
            .ctx = ctx, .all = all, .org = org, .name = text, .report = &lines, .totals = &found};
        err = look_once(&run, name, nsid, live, &again);
        again = again && round < ROUNDS_MAX;
        if (!err && *live && !again) {
            if (run.moved) {
                mola_buf_print(&lines,
                               "unsettled ns/%.*s: it changes too fast for its ids to be "
                               "verified\n",
                               MOLA_ARG(text));
            }
            report_name(&lines, text, &found);
            mola_buf_add_str(report, mola_buf_str(&lines));
            report->failed |= lines.failed;
            add_totals(totals, &found);
        }
        mola_buf_free(&lines);
    }
    mola_name_close(name);
    return err;
}

/* ------------------------------------------------------------------ all names */
typedef struct {
    mola_ctx *ctx;
    mola_namespaces *all;
    mola_str org;
    mola_buf *report;
    mola_fsck_totals *totals;
    mola_buf nsids; /* of all incarnations, rising, 16 bytes each */
    mola_buf named; /* a byte each: a name refers to it */
} survey;

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

/* One page of keys, in the arena. */
static mola_err list(survey *s, mola_str prefix, mola_str after, char delimiter, mola_arena *arena,
                     mola_store_op *op)
{
    mola_fsck_run run = {.ctx = s->ctx};
    *op = (mola_store_op){
        .verb = MOLA_LIST, .key = prefix, .start_after = after, .delimiter = delimiter};
    mola_err err = mola_fsck_ask(&run, op, arena);
    return err ? err : op->err;
}

/* Walks all keys with `prefix`. */
static mola_err walk(survey *s, mola_str prefix, char delimiter,
                     mola_err (*see)(survey *s, const mola_store_entry *entry))
{
    mola_buf after;
    mola_buf_init(&after, s->ctx->env->heap);
    mola_err err = MOLA_OK;
    for (bool more = true; more && !err;) {
        mola_arena arena;
        mola_arena_init(&arena, s->ctx->env->heap, SIZE_MAX);
        mola_store_op op;
        err = list(s, prefix, mola_buf_str(&after), delimiter, &arena, &op);
        for (uint32_t i = 0; !err && i < op.entry_count; i++)
            err = see(s, &op.entries[i]);
        more = !err && op.truncated && op.entry_count;
        if (more) {
            after.len = 0;
            mola_buf_add_str(&after, op.entries[op.entry_count - 1].key);
            if (after.failed)
                err = MOLA_NO_MEMORY;
        }
        mola_arena_reset(&arena);
    }
    mola_buf_free(&after);
    return err;
}

static mola_err see_incarnation(survey *s, const mola_store_entry *entry)
{
    uint8_t nsid[16];
    mola_str rest;
    if (!mola_key_parse_incarnation(s->org, entry->key, nsid, &rest)) {
        mola_buf_print(s->report, "orphan %.*s: not a key of ours\n", MOLA_ARG(entry->key));
        s->totals->orphans++;
        return MOLA_OK;
    }
    mola_buf_add(&s->nsids, nsid, sizeof nsid);
    mola_buf_add_char(&s->named, 0);
    return s->nsids.failed || s->named.failed ? MOLA_NO_MEMORY : MOLA_OK;
}

static mola_err see_name(survey *s, const mola_store_entry *entry)
{
    mola_str text;
    if (!mola_key_parse_manifest(s->org, entry->key, &text)) {
        mola_buf_print(s->report, "orphan %.*s: not the key of a name\n", MOLA_ARG(entry->key));
        s->totals->orphans++;
        return MOLA_OK;
    }
    if (entry->size == MOLA_TOMBSTONE_BYTES)
        return MOLA_OK;
    uint8_t nsid[16] = {0};
    bool live = false;
    mola_err err = check_name(s->ctx, s->all, s->org, text, s->report, s->totals, nsid, &live);
    size_t count = s->named.len;
    const char *hit = live && count ? bsearch(nsid, s->nsids.data, count, 16, by_bytes) : NULL;
    if (hit)
        s->named.data[(size_t)(hit - s->nsids.data) / 16] = 1;
    return err;
}

static void report_nameless(survey *s)
{
    for (size_t i = 0; i < s->named.len; i++) {
        if (s->named.data[i])
            continue;
        uint8_t nsid[16];
        memcpy(nsid, s->nsids.data + i * 16, sizeof nsid);
        mola_key key = mola_key_folder(s->org, nsid, 0);
        s->totals->nameless++;
        mola_buf_print(s->report, "nameless %.*s: no name refers to it\n",
                       MOLA_ARG(mola_key_str(&key)));
    }
}

/* Incarnations first: what was born since then has a name by the time the names are listed. */
static mola_err check_all(survey *s)
{
    mola_key incarnations = mola_key_incarnations(s->org);
    mola_key names = mola_key_names_prefix(s->org, (mola_str){0});
    mola_err err = walk(s, mola_key_str(&incarnations), '/', see_incarnation);
    if (!err && s->named.len)
        qsort(s->nsids.data, s->named.len, 16, by_bytes);
    if (!err)
        err = walk(s, mola_key_str(&names), 0, see_name);
    if (!err)
        report_nameless(s);
    return err;
}

mola_err mola_fsck(mola_ctx *ctx, mola_namespaces *all, mola_str org, mola_str name,
                   mola_buf *report, mola_fsck_totals *totals)
{
    mola_err err;
    if (name.len) {
        uint8_t nsid[16];
        bool live = false;
        err = check_name(ctx, all, org, name, report, totals, nsid, &live);
        if (!err && !live) {
            err = mola_fail(ctx->why, MOLA_NOT_FOUND, "namespace '%.*s' was not found",
                            MOLA_ARG(name));
        }
    } else {
        survey s = {.ctx = ctx, .all = all, .org = org, .report = report, .totals = totals};
        mola_buf_init(&s.nsids, ctx->env->heap);
        mola_buf_init(&s.named, ctx->env->heap);
        err = check_all(&s);
        mola_buf_free(&s.nsids);
        mola_buf_free(&s.named);
    }
    if (err == MOLA_NO_MEMORY || report->failed)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory to look at everything");
    return err;
}
