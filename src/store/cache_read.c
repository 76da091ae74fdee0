/* cache_read.c - reading what was planned.
 *
 * The bytes come into the buffer of a lane, are compared with their sums there and copied to the
 * request. A disk that does not bring a lane's worth within a second is not waited for. */
#include "cache.h"
#include "mola/base/check.h"
#include <errno.h>
#include <xxhash.h>

static const uint64_t patience_ns = MOLA_SECOND;

/* --- Lanes --- */

static bool find_lane(mola_cache *cache, uint32_t *which)
{
    for (uint32_t i = 0; i < MOLA_CACHE_LANES; i++) {
        if (!cache->lane_taken[i] && (!cache->lanes[i] || mola_cache_lane_idle(cache->lanes[i]))) {
            *which = i;
            return cache->lane_taken[i] = true;
        }
    }
    return false;
}

static void give_lane(mola_cache *cache, uint32_t which)
{
    MOLA_LOCKED(&cache->lock);
    if (cache->lanes[which] && mola_cache_lane_is_plain(cache->lanes[which]))
        cache->plain = true;
    cache->lane_taken[which] = false;
    mola_event_wake_one(&cache->lane_given);
}

/* NULL: none within the time, or no memory for one more. */
static mola_cache_lane *take_lane(mola_cache *cache, uint64_t deadline_ns, uint32_t *which)
{
    bool plain;
    {
        MOLA_LOCKED(&cache->lock);
        while (!find_lane(cache, which)) {
            if (!mola_event_wait(&cache->lane_given, &cache->lock, deadline_ns))
                return NULL;
        }
        plain = cache->plain;
    }
    mola_cache_lane *lane = cache->lanes[*which];
    if (!lane)
        lane = mola_cache_lane_open(cache->env->heap, cache->place.fd, plain);
    cache->lanes[*which] = lane;
    if (!lane)
        give_lane(cache, *which);
    return lane;
}

/* --- Reading --- */

typedef struct { /* walks all pieces of all plans */
    mola_cache_plan *plans;
    size_t count, at;
    mola_cache_piece *next;
} walk;

static mola_cache_piece *step(walk *w)
{
    while (!w->next && w->at < w->count)
        w->next = w->plans[w->at++].pieces;
    mola_cache_piece *piece = w->next;
    w->next = piece ? piece->next : NULL;
    return piece;
}

static void take_over(mola_cache_piece *piece, const char *bytes)
{
    for (uint32_t i = 0; i < piece->count; i++) {
        if (XXH3_64bits(bytes + (size_t)i * MOLA_CACHE_PAGE, MOLA_CACHE_PAGE) != piece->sums[i])
            piece->bad |= mola_cache_bits(piece->first + i, 1);
    }
    piece->done = piece->bad == 0;
    if (piece->done)
        memcpy(piece->target, bytes + piece->from, piece->size);
}

typedef struct {
    mola_cache_piece *pieces[MOLA_CACHE_LANE_DEPTH];
    mola_cache_io ios[MOLA_CACHE_LANE_DEPTH];
    uint32_t count, bytes;
} batch;

/* Fills up to a lane with what comes next. */
static void collect(mola_cache *cache, walk *w, mola_cache_piece **ahead, batch *b)
{
    b->count = b->bytes = 0;
    for (; *ahead && b->count < MOLA_CACHE_LANE_DEPTH; *ahead = step(w)) {
        mola_cache_piece *piece = *ahead;
        uint32_t size = piece->count * MOLA_CACHE_PAGE;
        if (size > MOLA_CACHE_LANE_BYTES - b->bytes)
            break;
        if (!piece->target)
            continue;
        b->pieces[b->count] = piece;
        b->ios[b->count++] =
            (mola_cache_io){.place = mola_cache_slot_place(cache->map.slot_count, piece->slot) +
                                     (uint64_t)piece->first * MOLA_CACHE_PAGE,
                            .at = b->bytes,
                            .size = size};
        b->bytes += size;
    }
}

/* How the calls of one request went. */
typedef struct {
    uint32_t wrong; /* pieces that failed or did not match */
    bool asked, failed;
    bool late; /* not all was read in time; not the disk's fault unless it failed, too */
} outcome;

static void judge_io(mola_cache_piece *piece, int error, outcome *o)
{
    if (error == ETIME) {
        o->late = true;
        return;
    }
    /* What cannot be read is not asked for again, so that one bad spot costs one error. */
    if (error)
        piece->bad = mola_cache_bits(piece->first, piece->count);
    o->failed |= error && error != ENODATA; /* the file was cut: like bytes that do not match */
    o->wrong += piece->bad != 0;
}

static void read_batch(mola_cache *cache, mola_ctx *ctx, mola_cache_lane *lane, batch *b,
                       outcome *o)
{
    uint64_t slow_ns = mola_boot_ns(cache->env) + patience_ns;
    uint64_t deadline_ns = slow_ns < ctx->deadline_ns ? slow_ns : ctx->deadline_ns;
    o->asked = true;
    mola_cache_lane_run(lane, cache->env, MOLA_CACHE_READ, b->ios, b->count, deadline_ns);
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->ios[i].error == 0)
            take_over(b->pieces[i], mola_cache_lane_buffer(lane) + b->ios[i].at);
        judge_io(b->pieces[i], b->ios[i].error, o);
    }
    o->late |= !mola_cache_lane_idle(lane);
    o->failed |= o->late && deadline_ns == slow_ns;
}

static void read_pieces(mola_cache *cache, mola_ctx *ctx, walk w, outcome *o)
{
    uint64_t slow_ns = mola_boot_ns(cache->env) + patience_ns;
    uint32_t which;
    mola_cache_lane *lane =
        take_lane(cache, slow_ns < ctx->deadline_ns ? slow_ns : ctx->deadline_ns, &which);
    if (!lane)
        return;
    mola_cache_piece *ahead = step(&w);
    batch b;
    collect(cache, &w, &ahead, &b);
    for (; b.count > 0 && !o->late; collect(cache, &w, &ahead, &b))
        read_batch(cache, ctx, lane, &b, o);
    give_lane(cache, which);
}

/* Where the bytes go. An answer without room is a failure of the request, as it is by the store. */
static bool make_targets(mola_ctx *ctx, mola_cache_plan *plans, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        mola_cache_plan *plan = &plans[i];
        char *bytes = plan->hit ? mola_new(ctx->arena, char, (size_t)plan->size) : NULL;
        plan->no_memory = plan->hit && !bytes;
        if (!bytes)
            continue;
        plan->bytes = (mola_str){bytes, (size_t)plan->size};
        for (mola_cache_piece *p = plan->pieces; p; p = p->next) {
            p->target = bytes;
            bytes += p->size;
            any = true;
        }
        MOLA_ASSERT(bytes == plan->bytes.data + plan->bytes.len);
    }
    return any;
}

static void settle_plan(mola_cache *cache, mola_cache_plan *plan)
{
    for (mola_cache_piece *p = plan->pieces; p; p = p->next) {
        mola_cache_unpin(cache, p);
        mola_cache_map_drop_pages(&cache->map, p->slot, p->bad);
        plan->hit &= p->done || plan->no_memory;
    }
}

static void settle(mola_cache *cache, mola_cache_plan *plans, size_t count, const outcome *o)
{
    bool given_up = false;
    {
        MOLA_LOCKED(&cache->lock);
        uint64_t before = cache->map.pages_held;
        for (size_t i = 0; i < count; i++)
            settle_plan(cache, &plans[i]);
        mola_cache_count_held(cache, before);
        mola_cache_count_errors(cache, o->wrong + (o->late && o->failed));
        if (o->asked && (o->failed || !o->late))
            given_up = mola_cache_judge(cache, MOLA_CACHE_READ, o->failed);
    }
    if (given_up)
        mola_cache_say_disabled(cache);
}

void mola_cache_read(mola_cache *cache, mola_ctx *ctx, mola_cache_plan *plans, size_t count)
{
    outcome o = {0};
    if (make_targets(ctx, plans, count)) {
        mola_job_pause(ctx->job);
        read_pieces(cache, ctx, (walk){.plans = plans, .count = count}, &o);
        mola_job_resume(ctx->job);
    }
    settle(cache, plans, count, &o);
}
