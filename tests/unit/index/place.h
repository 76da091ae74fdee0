/* place.h - what the tests of flushes, merges and fsck share: nodes that write and read, indexers
 * that work step by step in the calling thread, and a comparison of what a view shows, segments
 * included, with a dumb table of documents. */
#pragma once
#include "../namespace/world.h"
#include "index/private.h"

enum { DOCS_MAX = 20000 };

/* ------------------------------------------------------------------ indexers */
static inline void indexer_open(world *w, mola_indexer *ix, size_t memory_max)
{
    memset(ix, 0, sizeof *ix);
    ix->env = w->env;
    ix->config = mola_indexer_defaults(w->env);
    ix->config.env = w->env;
    ix->config.memory_max = memory_max;
    ix->config.workers = 1;
    ix->names = node_open(w, memory_max / 2);
    mola_inner_heap_init(&ix->heap, &w->heap, memory_max / 2);
}
static inline void indexer_close(mola_indexer *ix)
{
    mola_namespaces_close(ix->names);
    ck_assert_uint_eq(atomic_load(&ix->heap.heap.used), 0); /* steps leave nothing behind */
}

typedef struct {
    mola_err err;
    bool did;
    char why[MOLA_WHY_BYTES];
} stepped;
static inline stepped step_flush(world *w, mola_indexer *ix, const char *name)
{
    request r;
    stepped s = {0};
    mola_ctx *ctx = request_begin(w, &r, 600000);
    s.err = mola_index_flush(ctx, ix, mola_str_of(name), &s.did);
    ck_assert(s.err == MOLA_OK || r.why.len); /* every error has words */
    ck_assert(s.err == MOLA_OK || !s.did);
    ck_assert_ptr_null(ctx->pins);
    memcpy(s.why, r.why.text, sizeof s.why);
    request_end(&r);
    return s;
}
static inline stepped step_merge(world *w, mola_indexer *ix, const char *name, bool force)
{
    request r;
    stepped s = {0};
    mola_ctx *ctx = request_begin(w, &r, 600000);
    s.err = mola_index_merge(ctx, ix, mola_str_of(name), force, &s.did);
    ck_assert(s.err == MOLA_OK || r.why.len);
    ck_assert(s.err == MOLA_OK || !s.did);
    ck_assert_ptr_null(ctx->pins);
    memcpy(s.why, r.why.text, sizeof s.why);
    request_end(&r);
    return s;
}
static inline bool must_flush(world *w, mola_indexer *ix, const char *name)
{
    stepped s = step_flush(w, ix, name);
    ck_assert_msg(s.err == MOLA_OK, "flush: %s: %s", mola_err_name(s.err), s.why);
    return s.did;
}
static inline bool must_merge(world *w, mola_indexer *ix, const char *name, bool force)
{
    stepped s = step_merge(w, ix, name, force);
    ck_assert_msg(s.err == MOLA_OK, "merge: %s: %s", mola_err_name(s.err), s.why);
    return s.did;
}

/* ------------------------------------------------------------------ what a view shows */
static inline void compare_rows(const mola_view *view, const mola_column *columns,
                                const uint64_t *ids, uint32_t count, const document *docs)
{
    for (uint32_t attr = 1; attr <= ATTRS; attr++) {
        mola_column_builder b;
        mola_column_builder_init(&b, view->heap, attr_types()[attr]);
        for (uint32_t i = 0; i < count; i++)
            add_attr(&b, attr, &docs[ids[i]]);
        mola_column wanted = mola_column_built(&b);
        const mola_column *c = &columns[attr - 1];
        for (uint32_t i = 0; i < count; i++) {
            bool has = c->rows && mola_column_has(c, i);
            ck_assert_msg(has == docs[ids[i]].has[attr], "document %llu attribute %u: %d",
                          (unsigned long long)ids[i], attr, has);
            ck_assert_msg(!has || mola_column_row_eq(c, i, &wanted, i),
                          "document %llu attribute %u differs", (unsigned long long)ids[i], attr);
        }
        mola_column_builder_free(&b);
    }
}

/* Every document is found by its id, with its values, and nothing else is. */
static inline void check_by_id(mola_ctx *ctx, const mola_view *view, const document *docs,
                               uint32_t docs_max)
{
    mola_column_builder b;
    mola_column_builder_init(&b, ctx->env->heap, attr_types()[0]);
    for (uint64_t id = 0; id < docs_max; id++) {
        mola_value v = {.elem = MOLA_ELEM_UINT, .u = id};
        ck_assert_int_eq(mola_column_add_value(&b, &v), MOLA_OK);
    }
    mola_column ids = mola_column_built(&b);
    mola_row_at *at = mola_new(ctx->arena, mola_row_at, docs_max);
    uint64_t *found = mola_new(ctx->arena, uint64_t, docs_max);
    mola_err err = mola_view_locate(ctx, view, &ids, at);
    ck_assert_msg(err == MOLA_OK, "locate: %s: %s", mola_err_name(err), ctx->why->text);
    uint32_t count = 0;
    for (uint64_t id = 0; id < docs_max; id++) {
        ck_assert_msg((at[id].part != MOLA_NOWHERE) == docs[id].exists, "document %llu: found %d",
                      (unsigned long long)id, !docs[id].exists);
        if (!docs[id].exists)
            continue;
        ck_assert(mola_bit(view->parts[at[id].part].live, at[id].row));
        at[count] = at[id];
        found[count++] = id;
    }
    uint32_t attrs[ATTRS], attr_count = 0;
    mola_column *gathered, columns[ATTRS] = {0};
    for (uint32_t attr = 1; attr <= ATTRS; attr++) { /* some may have been dropped */
        if (mola_state_attr(view->state, attr))
            attrs[attr_count++] = attr;
    }
    err = mola_view_gather(ctx, view, at, count, attrs, attr_count, &gathered);
    ck_assert_msg(err == MOLA_OK, "gather: %s: %s", mola_err_name(err), ctx->why->text);
    for (uint32_t i = 0; i < attr_count; i++)
        columns[attrs[i] - 1] = gathered[i];
    compare_rows(view, columns, found, count, docs);
    mola_column_builder_free(&b);
}

/* The windows of one part, attribute beside attribute. */
static inline void check_part(mola_ctx *ctx, const mola_view *view, uint32_t part,
                              const document *docs)
{
    const mola_view_part *p = &view->parts[part];
    mola_need needs[ATTRS + 1];
    uint32_t windows = mola_windows(p->rows), live = 0;
    for (uint32_t attr = 0; attr <= ATTRS; attr++)
        needs[attr] = (mola_need){part, attr, 0, windows};
    mola_pin *mark = ctx->pins;
    mola_err err = mola_view_fetch(ctx, view, needs, ATTRS + 1);
    ck_assert_msg(err == MOLA_OK, "fetch: %s: %s", mola_err_name(err), ctx->why->text);
    for (uint32_t window = 0; window < windows; window++) {
        mola_column id;
        ck_assert(mola_part_column(p->part, MOLA_ATTR_ID, window, &id));
        for (uint32_t attr = 1; attr <= ATTRS; attr++) {
            mola_column c;
            bool any = mola_part_column(p->part, attr, window, &c);
            for (uint32_t i = 0; i < id.rows; i++) {
                uint32_t at = window * MOLA_WINDOW_ROWS + i;
                if (!mola_bit(p->live, at))
                    continue;
                live += attr == 1;
                const document *d = &docs[mola_column_element(&id, i).u];
                ck_assert_int_eq(any && mola_column_has(&c, i), d->exists && d->has[attr]);
            }
        }
    }
    mola_view_release(ctx, mark);
    ck_assert_uint_eq(live, p->live_rows);
    ck_assert_uint_gt(live, 0);
}

static inline void check_whole_view(mola_ctx *ctx, const mola_view *view, const document *docs,
                                    uint32_t docs_max)
{
    uint64_t live = 0, exist = 0;
    for (uint32_t i = 0; i < view->part_count; i++) {
        check_part(ctx, view, i, docs);
        live += view->parts[i].live_rows;
    }
    for (uint32_t id = 0; id < docs_max; id++)
        exist += docs[id].exists;
    ck_assert_uint_eq(live, exist);
    ck_assert_uint_eq(view->live_rows, exist);
    check_by_id(ctx, view, docs, docs_max);
}

/* A strong read by this node shows exactly the documents. Gives the number of its segments. */
static inline uint32_t check_node(world *w, mola_namespaces *all, const char *name,
                                  const document *docs, uint32_t docs_max)
{
    request r;
    mola_freshness freshness = {.level = MOLA_READ_STRONG};
    mola_ctx *ctx = request_begin(w, &r, 60000);
    mola_view *view;
    mola_err err = mola_namespace_read(ctx, all, mola_str_of(name), &freshness, &view);
    ck_assert_msg(err == MOLA_OK, "read: %s: %s", mola_err_name(err), r.why.text);
    check_whole_view(ctx, view, docs, docs_max);
    uint32_t segments = view->segment_count;
    mola_view_release(ctx, NULL);
    mola_view_unref(view);
    request_end(&r);
    return segments;
}
/* The same by a node that knows nothing yet. */
static inline void check_afresh(world *w, const char *name, const document *docs, uint32_t docs_max)
{
    mola_namespaces *fresh = node_open(w, SIZE_MAX);
    check_node(w, fresh, name, docs, docs_max);
    mola_namespaces_close(fresh);
}

/* ------------------------------------------------------------------ the manifest, by itself */
typedef struct {
    uint32_t segments, inlines, retired, deleted;
    uint64_t ver, indexed_seq, rows, seq_from_last;
} shape;
static inline shape shape_of(world *w, const char *name)
{
    shape s = {0};
    mola_arena arena;
    mola_arena_init(&arena, &w->heap, SIZE_MAX);
    mola_key key = mola_key_manifest((mola_str){0}, mola_str_of(name));
    mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
    mola_manifest m;
    ck_assert_int_eq(store_do(w, &op, &arena), MOLA_OK);
    ck_assert_int_eq(mola_manifest_decode(op.bytes, &arena, &w->heap, &m, NULL), MOLA_OK);
    s = (shape){.segments = m.segment_count,
                .inlines = m.inline_count,
                .retired = m.retired_count,
                .ver = m.ver,
                .indexed_seq = m.indexed_seq};
    for (uint32_t i = 0; i < m.segment_count; i++) {
        s.rows += m.infos[i].rows;
        s.deleted += m.infos[i].deleted;
        s.seq_from_last = m.segments[i].seq_from;
    }
    mola_state_unref(m.state);
    mola_arena_reset(&arena);
    return s;
}

/* Many rows at once, ids from `first` on. */
static inline void put_many(world *w, mola_namespaces *all, const char *name, dice *d,
                            uint64_t first, uint32_t count, document *docs)
{
    row *rows = mola_alloc_array(&w->heap, row, count);
    ck_assert_ptr_nonnull(rows);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (row){.op = MOLA_OP_UPSERT, .id = first + i, .value = random_document(d)};
    ck_assert_int_eq(write_rows(w, all, name, rows, count, 0, 60000).err, MOLA_OK);
    oracle_apply(docs, rows, count);
    mola_free(&w->heap, rows, count * sizeof *rows);
}
static inline void put_random(world *w, mola_namespaces *all, const char *name, dice *d,
                              uint32_t ids, uint32_t count, uint32_t deletes, document *docs)
{
    row rows[64] = {0};
    ck_assert_uint_le(count, 64);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = random_row(d, ids, 2, deletes);
    ck_assert_int_eq(write_rows(w, all, name, rows, count, 0, 60000).err, MOLA_OK);
    oracle_apply(docs, rows, count);
}
