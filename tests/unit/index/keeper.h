/* keeper.h - what the tests of collectors and sweeps share: indexers without threads, clocks that
 * are moved by hand, manifests and objects made to measure. */
#pragma once
#include "index/collect.h"
#include "mola/format/holder.h"
#include "place.h"

#define W_NS (FENCE_SECONDS * MOLA_SECOND)
#define L_NS (10 * W_NS)

static inline void pass_time(world *w, uint64_t ns)
{
    w->boot_ahead_ns += ns;
    w->wall_ahead_us += (int64_t)(ns / 1000);
}

/* ------------------------------------------------------------------ collectors */
static inline mola_indexer *collector_open(world *w, uint64_t retention_s)
{
    mola_indexer_config config = mola_indexer_defaults(w->env);
    config.env = w->env;
    config.fence_ns = W_NS;
    config.workers = 0;
    config.memory_max = 256 << 20;
    config.sweep_ns = 24 * 3600 * MOLA_SECOND;
    config.retention_us = retention_s * 1000000;
    config.gc_floor_age_us = 24ull * 3600 * 1000000;
    mola_indexer *indexer;
    mola_why why = {0};
    mola_err err = mola_indexer_open(&config, &indexer, &why);
    ck_assert_msg(err == MOLA_OK, "%s", why.text);
    return indexer;
}

typedef struct {
    mola_err err;
    mola_collected out;
} passed;
static inline passed collect(world *w, mola_indexer *indexer, const char *name,
                             mola_collect_kind kind)
{
    request r;
    passed p;
    mola_ctx *ctx = request_begin(w, &r, 30000);
    p.err = mola_collect(ctx, indexer, mola_str_of(name), kind, &p.out);
    ck_assert(p.err == MOLA_OK || r.why.len);
    request_end(&r);
    return p;
}
static inline bool must_collect(world *w, mola_indexer *indexer, const char *name)
{
    passed p = collect(w, indexer, name, MOLA_COLLECT_USUAL);
    ck_assert_int_eq(p.err, MOLA_OK);
    return p.out.did;
}
static inline bool must_look_daily(world *w, mola_indexer *indexer, const char *name)
{
    passed p = collect(w, indexer, name, MOLA_COLLECT_DAILY);
    ck_assert_int_eq(p.err, MOLA_OK);
    return p.out.did;
}
static inline mola_err sweep_once(world *w, mola_indexer *indexer)
{
    request r;
    mola_ctx *ctx = request_begin(w, &r, 600000);
    mola_err err = mola_index_sweep(ctx, indexer);
    request_end(&r);
    return err;
}

/* ------------------------------------------------------------------ objects */
static inline void put_object(world *w, mola_key key, mola_str body)
{
    mola_store_op op = {.verb = MOLA_PUT, .key = mola_key_str(&key), .body = body};
    ck_assert_int_eq(store_do(w, &op, NULL), MOLA_OK);
}
static inline bool exists(world *w, mola_key key)
{
    mola_arena arena;
    mola_arena_init(&arena, &w->heap, SIZE_MAX);
    mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
    mola_err err = store_do(w, &op, &arena);
    mola_arena_reset(&arena);
    ck_assert(err == MOLA_OK || err == MOLA_NOT_FOUND);
    return err == MOLA_OK;
}
static inline mola_key segment_key(const uint8_t nsid[16], uint64_t base, uint64_t rand)
{
    return mola_key_segment((mola_str){0}, nsid, base, rand, 'h', 0);
}
static inline void put_segment(world *w, const uint8_t nsid[16], uint64_t base, uint64_t rand)
{
    put_object(w, segment_key(nsid, base, rand), MOLA_STR("head"));
    put_object(w, mola_key_segment((mola_str){0}, nsid, base, rand, 'o', 0), MOLA_STR("data"));
    put_object(w, mola_key_segment((mola_str){0}, nsid, base, rand, 'o', 1), MOLA_STR("data"));
}
static inline void put_holder(world *w, const uint8_t owner[16], const mola_holder *holder)
{
    static uint32_t count;
    char id[16];
    (void)snprintf(id, sizeof id, "h%u", count++);
    mola_buf image;
    mola_buf_init(&image, &w->heap);
    mola_holder_encode(&image, holder);
    put_object(w, mola_key_holder((mola_str){0}, owner, mola_str_of(id)), mola_buf_str(&image));
    mola_buf_free(&image);
}
static inline uint32_t count_under(world *w, const uint8_t nsid[16], char folder)
{
    char prefix[64];
    mola_key key = mola_key_folder((mola_str){0}, nsid, folder);
    (void)snprintf(prefix, sizeof prefix, "%.*s", (int)key.len, key.text);
    return count_keys(w, prefix);
}

/* ------------------------------------------------------------------ manifests made to measure */
typedef void (*change_manifest)(mola_manifest *m, void *argument);
/* Replaces ns/{name} by what `change` makes of it. */
static inline void publish_changed(world *w, mola_namespaces *all, const char *name,
                                   change_manifest change, void *argument)
{
    request r;
    mola_ctx *ctx = request_begin(w, &r, 30000);
    mola_name *open = mola_name_open(all, mola_str_of(name));
    mola_held *held;
    ck_assert_int_eq(mola_manifest_read(ctx, open, &held), MOLA_OK);
    mola_manifest next = *mola_held_manifest(held);
    next.ver++;
    change(&next, argument);
    ck_assert_int_eq(mola_manifest_replace(ctx, open, held, &next, NULL), MOLA_OK);
    mola_held_unref(held);
    mola_name_close(open);
    request_end(&r);
}
static inline void add_retired(mola_manifest *m, void *argument)
{
    static mola_retired rows[64];
    ck_assert_uint_lt(m->retired_count, 63);
    if (m->retired_count)
        memcpy(rows, m->retired, m->retired_count * sizeof *rows);
    rows[m->retired_count++] = *(const mola_retired *)argument;
    m->retired = rows;
}
static inline mola_retired retired_row(world *w, const uint8_t owner[16], uint64_t base,
                                       uint64_t rand)
{
    mola_retired left = {.base = base, .rand = rand, .at_ver = 2, .time_us = mola_wall_us(w->env)};
    memcpy(left.owner, owner, sizeof left.owner);
    return left;
}
static inline void change_nothing(mola_manifest *m, void *argument)
{
    (void)m;
    (void)argument;
}

/* ns/{name} as it stands, without arrays. */
static inline mola_manifest manifest_of(world *w, const char *name)
{
    mola_manifest m;
    ck_assert(manifest_now(w, name, &m, NULL));
    return m;
}
