/* world.c - objects, requests on their way, faults. */
#include "world.h"
#include "mola/base/check.h"
#include <stdio.h>
#include <stdlib.h>

enum { BUCKETS = 1 << 11, LOSERS = 1024, ZOMBIE_SECONDS = 65 };

typedef struct object {
    struct object *next;
    world_object is;
    char *key, *body;
} object;

/* One operation on its way: a copy of what was asked, and where the answer goes. */
typedef struct {
    mola_store_verb verb;
    mola_put_when when;
    char *key, *body;
    size_t body_len;
    uint64_t tag; /* If-Match, or If-None-Match of a GET */
    uint64_t offset, length, sent_at;
    const sim_node *node;
    mola_str start_after;
    char delimiter;
    uint32_t keys_max;
    /* the one who waits */
    fiber_token token;
    struct batch *batch;
    mola_store_op *op;
} request;

/* Lives on the stack of the fiber that waits: valid while fiber_waits(token). */
typedef struct batch {
    mola_ctx *ctx;
    size_t left;
} batch;

static struct {
    object *buckets[BUCKETS];
    world_faults faults;
    world_pace pace;
    uint64_t tags, requests, faults_hit;
    bool healed;
    const world_judge *judge;
    request *losers[LOSERS]; /* the last PUT that lost a slot, by key */
} world;

static uint64_t hash_of(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 0x100000001b3u;
    return h ^ h >> 29;
}

static void *get_memory(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        abort();
    return p;
}

static object *find(const char *key)
{
    for (object *o = world.buckets[hash_of(key) % BUCKETS]; o; o = o->next)
        if (strcmp(o->key, key) == 0)
            return o;
    return NULL;
}

const world_object *world_find(const char *key)
{
    object *o = find(key);
    return o ? &o->is : NULL;
}

const world_object *world_find_key(mola_key key)
{
    char text[sizeof key.text + 1] = {0};
    memcpy(text, key.text, key.len);
    return world_find(text);
}

static void drop(object *o)
{
    object **link = &world.buckets[hash_of(o->key) % BUCKETS];
    while (*link != o)
        link = &(*link)->next;
    *link = o->next;
    free(o->key);
    free(o->body);
    free(o);
}

static void free_request(request *q)
{
    if (q) {
        free(q->key);
        free(q->body);
        free((void *)(uintptr_t)q->start_after.data);
        free(q);
    }
}

static request *copy_request(const request *q)
{
    request *copy = get_memory(sizeof *copy);
    *copy = *q;
    copy->key = strdup(q->key);
    copy->body = get_memory(q->body_len);
    memcpy(copy->body, q->body, q->body_len);
    copy->start_after = (mola_str){0};
    copy->node = NULL; /* nobody learns what it comes to */
    return copy;
}

static bool hit(uint32_t ppm)
{
    bool yes = !world.healed && sim_chance(ppm);
    world.faults_hit += yes;
    return yes;
}

/* Its path is ill, and this is one of those that suffer from it. */
static bool suffers(const sim_node *node, uint64_t one_of)
{
    return node && node->ill_until > sim_now() && !world.healed && sim_below(one_of) == 0;
}

void world_reset(const world_faults *faults, const world_pace *pace)
{
    for (int i = 0; i < BUCKETS; i++)
        while (world.buckets[i])
            drop(world.buckets[i]);
    for (int i = 0; i < LOSERS; i++) {
        free_request(world.losers[i]);
        world.losers[i] = NULL;
    }
    world.faults = *faults;
    world.pace = *pace;
    world.tags = world.requests = world.faults_hit = 0;
    world.healed = false;
}

void world_heal(void)
{
    world.healed = true;
}

uint64_t world_requests(void)
{
    return world.requests;
}

uint64_t world_faults_hit(void)
{
    return world.faults_hit;
}

void world_set_judge(const world_judge *judge)
{
    world.judge = judge;
}

/* ---- effects -------------------------------------------------------------------------------- */

static uint64_t latency(void)
{
    return world_latency() / 1000 * world.pace.latency_permil;
}

static uint64_t apply_put(const char *key, mola_str body)
{
    object *o = find(key);
    world.judge->put(key, body, o ? &o->is : NULL);
    if (!o) {
        o = get_memory(sizeof *o);
        o->key = strdup(key);
        o->is.key = o->key;
        object **head = &world.buckets[hash_of(key) % BUCKETS];
        o->next = *head;
        *head = o;
    }
    free(o->body);
    o->body = get_memory(body.len);
    memcpy(o->body, body.data, body.len);
    o->is.body = (mola_str){o->body, body.len};
    o->is.tag = ++world.tags;
    o->is.put_at = sim_now();
    return o->is.tag;
}

static void apply_silently(void *argument, uint64_t tag);

static void remember_loser(const request *q)
{
    request **slot = &world.losers[hash_of(q->key) % LOSERS];
    free_request(*slot);
    *slot = copy_request(q);
}

static void apply_delete(object *o)
{
    world.judge->deleted(o->key, &o->is);
    request *loser = world.losers[hash_of(o->key) % LOSERS];
    if (loser && strcmp(loser->key, o->key) == 0 && hit(world.faults.replay))
        machine_at(sim_now() + sim_below(world.pace.replay_ns), apply_silently, copy_request(loser),
                   0);
    drop(o);
}

bool world_cas(mola_key key, mola_str body, uint64_t tag)
{
    char text[sizeof key.text + 1] = {0};
    memcpy(text, key.text, key.len);
    const world_object *old = world_find(text);
    if ((old ? old->tag : 0) != tag)
        return false;
    (void)apply_put(text, body);
    return true;
}

void world_each(void (*visit)(const world_object *object, void *argument), void *argument)
{
    for (int i = 0; i < BUCKETS; i++)
        for (object *o = world.buckets[i]; o; o = o->next)
            visit(&o->is, argument);
}

/* ---- answers -------------------------------------------------------------------------------- */

/* What the store answers, on its way back: plain memory, copied into the arena when it arrives. */
typedef struct {
    fiber_token token;
    batch *to;
    mola_store_op *op;
    mola_err err;
    bool not_modified;
    uint64_t tag;
    char *bytes;
    size_t size;
    uint64_t object_size;
    mola_store_entry *entries; /* keys in malloc'd memory */
    uint32_t entry_count;
    bool truncated;
} response;

static void free_response(response *r)
{
    for (uint32_t i = 0; i < r->entry_count; i++)
        free((void *)(uintptr_t)r->entries[i].key.data);
    free(r->entries);
    free(r->bytes);
    free(r);
}

static mola_etag etag_of(uint64_t tag)
{
    mola_etag e = {.len = 8};
    memcpy(e.bytes, &tag, 8);
    return e;
}

static uint64_t tag_of(const mola_etag *e)
{
    uint64_t tag = 0;
    if (e->len == 8)
        memcpy(&tag, e->bytes, 8);
    return tag;
}

static bool copy_entries(mola_arena *arena, mola_store_op *op, const response *r)
{
    op->entries = mola_new(arena, mola_store_entry, r->entry_count);
    for (uint32_t i = 0; op->entries && i < r->entry_count; i++) {
        op->entries[i] = r->entries[i];
        if (!mola_arena_copy(arena, r->entries[i].key, &op->entries[i].key))
            return false;
    }
    op->entry_count = r->entry_count;
    op->truncated = r->truncated;
    return op->entries != NULL;
}

static void deliver(void *argument, uint64_t unused)
{
    response *r = argument;
    (void)unused;
    if (fiber_waits(r->token)) {
        mola_store_op *op = r->op;
        mola_str bytes = {r->bytes, r->size};
        if (getenv("SIM_LOG"))
            (void)fprintf(stderr, "[%.3f] answer %s to verb %d " MOLA_FMT "\n",
                          (double)sim_now() / 1e9, mola_err_name(r->err), (int)op->verb,
                          MOLA_ARG(op->key));
        mola_arena *arena = r->to->ctx->arena;
        op->err = r->err;
        op->not_modified = r->not_modified;
        op->new_etag = etag_of(r->tag);
        op->object_size = r->object_size;
        if (!r->err && op->verb == MOLA_GET && !r->not_modified &&
            !mola_arena_copy(arena, bytes, &op->bytes))
            op->err = MOLA_NO_MEMORY;
        if (!r->err && op->verb == MOLA_LIST && !copy_entries(arena, op, r))
            op->err = MOLA_NO_MEMORY;
        if (--r->to->left == 0)
            fiber_wake(r->token);
    }
    free_response(r);
}

/* What a LIST shows of `o`: its key, or what the delimiter leaves of it. */
static mola_store_entry shown(const request *q, const object *o)
{
    size_t prefix = strlen(q->key);
    const char *end = q->delimiter ? strchr(o->key + prefix, q->delimiter) : NULL;
    if (!end)
        return (mola_store_entry){.key = mola_str_of(o->key), .size = o->is.body.len};
    return (mola_store_entry){.key = {o->key, (size_t)(end - o->key) + 1}, .is_prefix = true};
}

static int by_key(const void *a, const void *b)
{
    return mola_str_cmp(((const mola_store_entry *)a)->key, ((const mola_store_entry *)b)->key);
}

/* Those of ns/ and of r/ are assumed strong, all others only find garbage and tails. */
static bool may_be_stale(const request *q)
{
    return strncmp(q->key, "ns/", 3) != 0 && !strstr(q->key, "/r/") && hit(world.faults.stale_list);
}

static void list(const request *q, response *r)
{
    bool stale = may_be_stale(q);
    size_t count = 0, room = 64;
    mola_store_entry *found = get_memory(room * sizeof *found);
    for (int i = 0; i < BUCKETS; i++)
        for (object *o = world.buckets[i]; o; o = o->next) {
            if (strncmp(o->key, q->key, strlen(q->key)) != 0)
                continue;
            if (stale && o->is.put_at + world.pace.stale_ns > sim_now())
                continue;
            mola_store_entry e = shown(q, o);
            if (mola_str_cmp(e.key, q->start_after) <= 0 && q->start_after.len)
                continue;
            if (count == room && !(found = realloc(found, (room *= 2) * sizeof *found)))
                abort();
            found[count++] = e;
        }
    qsort(found, count, sizeof *found, by_key);
    size_t unique = 0;
    for (size_t i = 0; i < count; i++)
        if (!unique || !mola_str_eq(found[unique - 1].key, found[i].key))
            found[unique++] = found[i];
    uint32_t most = q->keys_max ? q->keys_max : MOLA_LIST_KEYS_MAX;
    r->truncated = unique > most;
    r->entry_count = unique > most ? most : (uint32_t)unique;
    r->entries = get_memory(r->entry_count * sizeof *r->entries);
    for (uint32_t i = 0; i < r->entry_count; i++) {
        r->entries[i] = found[i];
        r->entries[i].key = mola_str_of(strndup(found[i].key.data, found[i].key.len));
    }
    free(found);
}

static void get(const request *q, response *r)
{
    object *o = find(q->key);
    world.judge->got(q->key, q->node, q->sent_at);
    if (!o) {
        r->err = MOLA_NOT_FOUND;
        return;
    }
    r->tag = o->is.tag;
    if (q->tag && q->tag == o->is.tag) {
        r->not_modified = true;
        return;
    }
    r->object_size = r->size = o->is.body.len;
    uint64_t from = q->offset < r->size ? q->offset : r->size;
    r->size -= from;
    if (q->length && q->length < r->size)
        r->size = q->length;
    r->bytes = get_memory(r->size);
    memcpy(r->bytes, o->body + from, r->size);
    if (r->size && hit(world.faults.torn))
        r->size = sim_below(r->size);
    if (r->size && hit(world.faults.flip))
        r->bytes[sim_below(r->size)] ^= (char)(1 << sim_below(8));
    if (r->size && suffers(q->node, 4))
        r->size = world_damage(r->bytes, r->size);
}

static void apply(const request *q, response *r)
{
    object *o = find(q->key);
    sim_trace(hash_of(q->key) ^ q->verb ^ sim_now());
    switch (q->verb) {
    case MOLA_GET:
        get(q, r);
        return;
    case MOLA_LIST:
        list(q, r);
        return;
    case MOLA_PUT:
        if (q->when == MOLA_PUT_IF_ABSENT && o) {
            remember_loser(q);
            r->err = MOLA_CONFLICT;
        } else if (q->when == MOLA_PUT_IF_MATCH && (!o || o->is.tag != q->tag)) {
            r->err = MOLA_CONFLICT;
        } else {
            r->tag = apply_put(q->key, (mola_str){q->body, q->body_len});
            world.judge->got(q->key, q->node, q->sent_at); /* what it wrote it has seen */
        }
        return;
    case MOLA_DELETE:
        if (o)
            apply_delete(o);
        return;
    case MOLA_COPY: /* nobody copies yet */
        MOLA_ASSERT(false);
        return;
    }
}

static void apply_silently(void *argument, uint64_t unused)
{
    response ignored = {0};
    (void)unused;
    apply(argument, &ignored);
    free_request(argument);
}

static void answer(const request *q, response *r)
{
    r->token = q->token;
    r->to = q->batch;
    r->op = q->op;
    machine_at(sim_now() + latency(), deliver, r, 0);
}

/* The request has reached the store. */
static void arrive(void *argument, uint64_t unused)
{
    request *q = argument;
    response *r = get_memory(sizeof *r);
    (void)unused;
    bool changes = q->verb == MOLA_PUT || q->verb == MOLA_DELETE;
    if (hit(world.faults.error_before)) {
        r->err = changes ? MOLA_UNKNOWN : MOLA_UNAVAILABLE;
        answer(q, r);
    } else if (q->verb == MOLA_PUT && q->when != MOLA_PUT_ALWAYS && hit(world.faults.conflict)) {
        r->err =
            MOLA_UNAVAILABLE; /* 409: the store raced with itself and says nothing about who won */
        answer(q, r);
    } else {
        apply(q, r);
        if (q->verb == MOLA_PUT &&
            hit(world.faults.duplicate)) { /* the first answer may be the second copy's 412 */
            response again = {0};
            apply(q, &again);
            if (sim_below(2)) {
                r->err = again.err;
                r->tag = again.tag;
            }
        }
        if (hit(world.faults.drop_answer) || suffers(q->node, 10)) {
            free_response(r);
        } else {
            if (hit(world.faults.error_after))
                r->err = changes ? MOLA_UNKNOWN : MOLA_UNAVAILABLE;
            answer(q, r);
        }
    }
    free_request(q);
}

/* ---- the driver -------------------------------------------------------------------------------
 */

static request *request_of(mola_store_op *op, batch *to, fiber_token token)
{
    request *q = get_memory(sizeof *q);
    *q = (request){.verb = op->verb,
                   .when = op->when,
                   .tag = tag_of(&op->etag),
                   .offset = op->offset,
                   .length = op->length,
                   .delimiter = op->delimiter,
                   .keys_max = op->keys_max,
                   .token = token,
                   .batch = to,
                   .op = op};
    q->key = strndup(op->key.len ? op->key.data : "", op->key.len);
    q->body = get_memory(op->body.len);
    if (op->body.len)
        memcpy(q->body, op->body.data, op->body.len);
    q->body_len = op->body.len;
    if (op->start_after.len)
        q->start_after = mola_str_of(strndup(op->start_after.data, op->start_after.len));
    return q;
}

static void send_request(const sim_node *node, request *q)
{
    world.requests++;
    q->node = node;
    q->sent_at = sim_now();
    if (getenv("SIM_LOG"))
        (void)fprintf(stderr, "[%.3f node %d] verb %d when %d %s\n", (double)sim_now() / 1e9,
                      node->index, (int)q->verb, (int)q->when, q->key);
    if (node->cut_until > sim_now() || hit(world.faults.drop_request)) {
        free_request(q);
    } else if ((q->verb == MOLA_PUT || q->verb == MOLA_DELETE) && hit(world.faults.zombie)) {
        machine_at(sim_now() + sim_below(ZOMBIE_SECONDS * MOLA_SECOND), apply_silently, q, 0);
    } else {
        machine_at(sim_now() + latency(), arrive, q, 0);
    }
}

/* The bytes of a segment take their time: seconds, and minutes now and then. What was read before
 * may be old when they have arrived. */
static void upload(sim_node *node, const mola_ctx *ctx, const mola_store_op *ops, size_t count)
{
    bool large = false;
    for (size_t i = 0; i < count; i++)
        large = large || (ops[i].verb == MOLA_PUT && ops[i].key.len > 36 &&
                          memcmp(ops[i].key.data + 34, "/s/", 3) == 0);
    if (!large || world.healed || !world.pace.upload_ns)
        return;
    uint64_t r = sim_below(10), ns = r < 7   ? sim_below(world.pace.upload_ns / 50)
                                     : r < 9 ? sim_below(world.pace.upload_ns / 5)
                                             : sim_below(world.pace.upload_ns);
    uint64_t boot = mola_boot_ns(&node->env);
    uint64_t left = ctx->deadline_ns > boot ? ctx->deadline_ns - boot : 0;
    sim_sleep(ns < left / 2 ? ns : left / 2);
}

/* A thread may rest for any time behind any answer; between an incarnation's first entry and its
 * birth it does so often. */
static bool stalls(const mola_store_op *ops, size_t count)
{
    bool first = count == 1 && ops->verb == MOLA_PUT && ops->key.len > 36 &&
                 mola_str_eq(mola_str_from(ops->key, 34), MOLA_STR("/w/7ffffffffffffffe"));
    return hit(first ? 20 * world.faults.stall : world.faults.stall);
}

static void run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    (void)store;
    sim_node *node = sim_me();
    upload(node, ctx, ops, count);
    batch b = {.ctx = ctx, .left = count};
    fiber_token token = fiber_prepare();
    for (size_t i = 0; i < count; i++) { /* until an answer says otherwise */
        ops[i].err =
            ops[i].verb == MOLA_PUT || ops[i].verb == MOLA_DELETE ? MOLA_UNKNOWN : MOLA_UNAVAILABLE;
        send_request(node, request_of(&ops[i], &b, token));
    }
    uint64_t boot = mola_boot_ns(&node->env),
             left = ctx->deadline_ns > boot ? ctx->deadline_ns - boot : 0;
    left = left < world.pace.timeout_ns ? left : world.pace.timeout_ns;
    (void)fiber_wait(sim_now() + left);
    if (stalls(ops, count))
        sim_sleep(sim_below(world.pace.pause_ns));
    if (hit(world.faults.stop_at_answer)) { /* an answer is old when it is read */
        node_pause(node, sim_below(world.pace.pause_ns), sim_below(2));
        sim_sleep(0);
    }
}

static void close_store(mola_store *store)
{
    (void)store;
}

static const mola_store_driver driver = {.scheme = "sim", .run = run, .close = close_store};

mola_store *world_store(sim_node *node)
{
    mola_store *store = mola_alloc(&node->heap, sizeof *store);
    MOLA_ASSERT(store != NULL);
    store->driver = &driver;
    return store;
}
