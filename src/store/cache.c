/* cache.c - the disk cache as the rest of the program sees it. */
#include "cache.h"
#include "mola/base/check.h"
#include <fcntl.h>
#include <unistd.h>

/* --- What the disk did, under the lock --- */

void mola_cache_count_held(mola_cache *cache, uint64_t pages_before)
{
    int64_t pages = (int64_t)cache->map.pages_held - (int64_t)pages_before;
    if (!cache->disabled)
        mola_count(cache->env->metrics, MOLA_M_cache_disk_bytes, pages * MOLA_CACHE_PAGE);
}

void mola_cache_count_errors(mola_cache *cache, uint64_t errors)
{
    cache->stats.errors += errors;
    mola_count(cache->env->metrics, MOLA_M_cache_disk_errors_total, (int64_t)errors);
}

static void forget_held(mola_cache *cache)
{
    uint64_t before = cache->map.pages_held;
    for (uint32_t i = 0; i < cache->map.slot_count; i++)
        mola_cache_map_drop_pages(&cache->map, i, UINT64_MAX);
    mola_cache_count_held(cache, before);
}

bool mola_cache_judge(mola_cache *cache, mola_cache_direction direction, bool failed)
{
    uint32_t *failures = &cache->failures[direction];
    *failures = failed ? *failures + 1 : 0;
    if (cache->disabled || *failures < MOLA_CACHE_FAILURES_MAX)
        return false;
    forget_held(cache);
    return cache->disabled = true;
}

void mola_cache_say_disabled(mola_cache *cache)
{
    mola_log(cache->env, MOLA_LOG_WARN, "cache_disabled", "errors=%llu",
             (unsigned long long)mola_cache_look(cache).errors);
}

/* --- Asking the store --- */

/* Whole pages are asked for, so that those at the edges can be kept: at most 8 KiB more, which the
 * answer does not show. */
static mola_store_op widened(const mola_store_op *op)
{
    static const uint64_t last = UINT64_MAX / 2;
    mola_store_op wide = *op;
    if (op->offset > last || op->length > last)
        return wide;
    uint64_t until = op->offset + op->length, rest = until % MOLA_CACHE_PAGE;
    wide.offset -= op->offset % MOLA_CACHE_PAGE;
    if (op->length)
        wide.length = until + (rest ? MOLA_CACHE_PAGE - rest : 0) - wide.offset;
    return wide;
}

/* The answer to `op` out of that to its widened form. */
static void take_answer(mola_store_op *op, const mola_store_op *wide)
{
    uint64_t offset = op->offset, length = op->length, skip = offset - wide->offset;
    *op = *wide;
    op->offset = offset;
    op->length = length;
    if (!wide->bytes.data)
        return;
    op->bytes = mola_str_from(wide->bytes, wide->bytes.len < skip ? wide->bytes.len : (size_t)skip);
    if (length && op->bytes.len > length)
        op->bytes.len = (size_t)length;
}

static void count_read(mola_ctx *ctx, const mola_store_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ctx->bytes_read += ops[i].bytes.len;
}

static void ask_store(mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    mola_store_run(ctx->env->store, ctx, ops, count);
    count_read(ctx, ops, count);
}

/* `wide` has room for as many as there are operations. */
static void ask_for_rest(mola_cache *cache, mola_ctx *ctx, mola_store_op *ops, size_t count,
                         const mola_cache_plan *plans, mola_store_op *wide)
{
    size_t asked = 0;
    for (size_t i = 0; i < count; i++) {
        if (!plans[i].hit)
            wide[asked++] = ops[i].immutable ? widened(&ops[i]) : ops[i];
    }
    ask_store(ctx, wide, asked);
    const mola_store_op *answer = wide;
    for (size_t i = 0; i < count; i++) {
        if (plans[i].hit)
            continue;
        if (ops[i].immutable)
            mola_cache_fill_from(cache, answer);
        take_answer(&ops[i], answer++);
    }
}

/* --- A batch --- */

/* As the store leaves an operation that it has answered. */
static void answer_hit(mola_store_op *op, const mola_cache_plan *plan)
{
    op->err = plan->no_memory ? MOLA_NO_MEMORY : MOLA_OK;
    op->not_modified = false;
    op->new_etag = (mola_etag){0};
    op->bytes = plan->bytes;
    op->object_size = 0;
    op->entries = NULL;
    op->entry_count = 0;
    op->truncated = false;
}

static void count_answers(mola_cache *cache, size_t hits, size_t misses)
{
    mola_count(cache->env->metrics, MOLA_M_cache_disk_hits_total, (int64_t)hits);
    mola_count(cache->env->metrics, MOLA_M_cache_disk_misses_total, (int64_t)misses);
    MOLA_LOCKED(&cache->lock);
    cache->stats.hits += hits;
    cache->stats.misses += misses;
}

static bool any_immutable(const mola_store_op *ops, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        MOLA_IMPLIES(ops[i].immutable, ops[i].verb == MOLA_GET && ops[i].etag.len == 0);
        any |= ops[i].immutable;
    }
    return any;
}

void mola_cache_run(mola_cache *cache, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    bool use = any_immutable(ops, count) && cache;
    mola_cache_plan *plans = use ? mola_new(ctx->arena, mola_cache_plan, count) : NULL;
    mola_store_op *wide = plans ? mola_new(ctx->arena, mola_store_op, count) : NULL;
    if (!wide) {
        ask_store(ctx, ops, count);
        return;
    }
    mola_cache_look_up(cache, ctx, ops, count, plans);
    mola_cache_read(cache, ctx, plans, count);
    ask_for_rest(cache, ctx, ops, count, plans, wide);
    size_t hits = 0, misses = 0;
    for (size_t i = 0; i < count; i++) {
        if (plans[i].hit)
            answer_hit(&ops[i], &plans[i]);
        hits += plans[i].hit;
        misses += ops[i].immutable && !plans[i].hit;
    }
    count_answers(cache, hits, misses);
}

mola_cache_stats mola_cache_look(mola_cache *cache)
{
    MOLA_LOCKED(&cache->lock);
    mola_cache_stats stats = cache->stats;
    stats.disabled = cache->disabled;
    stats.bytes_held = cache->map.pages_held * MOLA_CACHE_PAGE;
    stats.bytes_room = cache->disabled ? 0 : (uint64_t)cache->map.slot_count * MOLA_CACHE_SLOT;
    return stats;
}

/* --- Life --- */

static void load_index(mola_cache *cache, uint32_t first, uint32_t count)
{
    mola_cache_io io = {.place = mola_cache_index_place(first), .size = count * MOLA_CACHE_PAGE};
    mola_cache_lane_run(cache->writer_lane, cache->env, MOLA_CACHE_READ, &io, 1, MOLA_NEVER);
    cache->stats.errors += io.error != 0;
    for (uint32_t i = 0; i < count && !io.error; i++) {
        mola_cache_index_decode(&cache->map, cache->place.header.seed, first + i,
                                mola_cache_lane_buffer(cache->writer_lane) +
                                    (size_t)i * MOLA_CACHE_PAGE);
    }
}

/* Nobody else knows the cache yet. */
static void load(mola_cache *cache)
{
    static const uint32_t stride = MOLA_CACHE_LANE_BYTES / MOLA_CACHE_PAGE;
    uint32_t pages = cache->place.fresh ? 0 : mola_cache_index_pages(cache->map.slot_count);
    for (uint32_t at = 0; at < pages && mola_cache_lane_idle(cache->writer_lane); at += stride)
        load_index(cache, at, pages - at < stride ? pages - at : stride);
    mola_cache_map_free_rest(&cache->map);
    mola_cache_count_held(cache, 0);
}

static void free_cache(mola_cache *cache)
{
    mola_env *env = cache->env;
    forget_held(cache);
    for (uint32_t i = 0; i < MOLA_CACHE_LANES; i++)
        mola_cache_lane_close(cache->lanes[i], env);
    mola_cache_lane_close(cache->writer_lane, env);
    mola_cache_map_close(&cache->map, env->heap);
    (void)close(cache->place.fd); /* gives the lock of the file back */
    mola_event_free(&cache->lane_given);
    mola_event_free(&cache->fill_queued);
    mola_event_free(&cache->writer_gone);
    mola_lock_free(&cache->lock);
    mola_free(env->heap, cache, sizeof *cache);
}

static mola_err start(mola_cache *cache, bool plain, mola_why *why)
{
    mola_heap *heap = cache->env->heap;
    bool room = mola_cache_map_open(&cache->map, heap, cache->place.header.slot_count);
    cache->writer_lane = room ? mola_cache_lane_open(heap, cache->place.fd, plain) : NULL;
    if (!cache->writer_lane)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for a cache");
    cache->plain = mola_cache_lane_is_plain(cache->writer_lane);
    load(cache);
    return mola_cache_writer_open(cache, why);
}

static void say_opened(mola_cache *cache)
{
    mola_cache_stats stats = mola_cache_look(cache);
    int flags = fcntl(cache->place.fd, F_GETFL);
    mola_log(cache->env, MOLA_LOG_INFO, "cache_open", "room=%llu held=%llu io=%s direct=%d",
             (unsigned long long)stats.bytes_room, (unsigned long long)stats.bytes_held,
             cache->plain ? "plain" : "uring", flags >= 0 && (flags & O_DIRECT) != 0);
}

mola_err mola_cache_open(const mola_cache_config *config, mola_cache **out, mola_why *why)
{
    *out = NULL;
    mola_cache *cache = mola_alloc(config->env->heap, sizeof *cache);
    if (!cache)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for a cache");
    mola_err err = mola_cache_place_open(config, &cache->place, why);
    if (err) {
        mola_free(config->env->heap, cache, sizeof *cache);
        return err;
    }
    cache->env = config->env;
    mola_lock_init(&cache->lock, cache->env, MOLA_RANK_CACHE);
    mola_event_init(&cache->lane_given, cache->env);
    mola_event_init(&cache->fill_queued, cache->env);
    mola_event_init(&cache->writer_gone, cache->env);
    err = start(cache, config->plain_io, why);
    if (err) {
        free_cache(cache);
        return err;
    }
    say_opened(cache);
    *out = cache;
    return MOLA_OK;
}

void mola_cache_close(mola_cache *cache)
{
    if (!cache)
        return;
    mola_cache_writer_close(cache);
    free_cache(cache);
}
