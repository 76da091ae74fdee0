/* mem.c - the store as one mutex and one sorted map: the model that the other drivers are compared
 * with. Objects are immutable and counted, so bytes are copied outside of the lock. */
#include "driver.h"
#include "mola/base/check.h"
#include "mola/base/ref.h"
#include "page.h"

enum { TAG_BYTES = 16 };

typedef struct {
    mola_ref ref;
    mola_etag etag;
    size_t key_len, body_len;
    char bytes[]; /* key, then body */
} object;

typedef struct {
    mola_store store;
    mola_env *env;
    mola_lock lock; /* guards all below */
    object **objects;
    size_t count, room; /* objects, in byte order of their keys */
} mem_store;

static mola_str key_of(const object *o)
{
    return (mola_str){o->bytes, o->key_len};
}

static mola_str body_of(const object *o)
{
    return (mola_str){o->bytes + o->key_len, o->body_len};
}

static void drop(mem_store *mem, object *o)
{
    if (o && mola_ref_drop(&o->ref))
        mola_free(mem->env->heap, o, sizeof *o + o->key_len + o->body_len);
}

/* Index of the first object whose key is >= `key`. */
static size_t find(const mem_store *mem, mola_str key)
{
    size_t from = 0, until = mem->count;
    while (from < until) {
        size_t middle = from + (until - from) / 2;
        if (mola_str_cmp(key_of(mem->objects[middle]), key) < 0) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from;
}

static bool found_at(const mem_store *mem, size_t at, mola_str key)
{
    return at < mem->count && mola_str_eq(key_of(mem->objects[at]), key);
}

static object *take_object(mem_store *mem, mola_str key)
{
    MOLA_LOCKED(&mem->lock);
    size_t at = find(mem, key);
    if (!found_at(mem, at, key))
        return NULL;
    mola_ref_take(&mem->objects[at]->ref);
    return mem->objects[at];
}

static mola_err get(mem_store *mem, mola_ctx *ctx, mola_store_op *op)
{
    object *o = take_object(mem, op->key);
    if (!o)
        return MOLA_NOT_FOUND;
    mola_err err = MOLA_OK;
    op->new_etag = o->etag;
    op->object_size = o->body_len;
    op->not_modified = mola_etag_eq(&op->etag, &o->etag);
    if (!op->not_modified) {
        mola_str body = body_of(o);
        body = mola_str_from(body, op->offset < body.len ? (size_t)op->offset : body.len);
        if (op->length && op->length < body.len)
            body.len = (size_t)op->length;
        if (!mola_arena_copy(ctx->arena, body, &op->bytes))
            err = MOLA_NO_MEMORY;
    }
    drop(mem, o);
    return err;
}

static object *make_object(mem_store *mem, const mola_store_op *op)
{
    object *o = mola_alloc(mem->env->heap, sizeof *o + op->key.len + op->body.len);
    if (!o)
        return NULL;
    mola_ref_init(&o->ref);
    o->key_len = op->key.len;
    o->body_len = op->body.len;
    memcpy(o->bytes, op->key.data, op->key.len);
    if (op->body.len)
        memcpy(o->bytes + op->key.len, op->body.data, op->body.len);
    o->etag.len = TAG_BYTES;
    mola_chance(mem->env, o->etag.bytes, TAG_BYTES);
    return o;
}

static bool make_room(mem_store *mem)
{
    if (mem->count < mem->room)
        return true;
    size_t room = mem->room ? mem->room * 2 : 64;
    object **objects = mola_realloc(mem->env->heap, mem->objects, mem->room * sizeof(object *),
                                    room * sizeof(object *));
    if (!objects)
        return false;
    mem->objects = objects;
    mem->room = room;
    return true;
}

/* Puts `o` in its place when the condition holds; `*old` is the object it took the place of. */
static mola_err insert(mem_store *mem, const mola_store_op *op, object *o, object **old)
{
    MOLA_LOCKED(&mem->lock);
    size_t at = find(mem, op->key);
    bool exists = found_at(mem, at, op->key);
    if (op->when == MOLA_PUT_IF_ABSENT && exists)
        return MOLA_CONFLICT;
    if (op->when == MOLA_PUT_IF_MATCH &&
        !(exists && mola_etag_eq(&op->etag, &mem->objects[at]->etag)))
        return MOLA_CONFLICT;
    if (exists) {
        *old = mem->objects[at];
    } else {
        if (!make_room(mem))
            return MOLA_UNAVAILABLE;
        memmove(mem->objects + at + 1, mem->objects + at, (mem->count - at) * sizeof(object *));
        mem->count++;
    }
    mem->objects[at] = o;
    return MOLA_OK;
}

static mola_err put(mem_store *mem, mola_store_op *op)
{
    object *o = make_object(mem, op);
    if (!o)
        return MOLA_UNAVAILABLE;
    object *old = NULL;
    mola_etag etag = o->etag; /* once inserted, `o` may be replaced and freed at any moment */
    mola_err err = insert(mem, op, o, &old);
    if (err) {
        drop(mem, o);
    } else {
        op->new_etag = etag;
    }
    drop(mem, old);
    return err;
}

static mola_err copy(mem_store *mem, const mola_store_op *op)
{
    object *from = take_object(mem, op->source);
    if (!from)
        return MOLA_NOT_FOUND;
    mola_store_op to = {.verb = MOLA_PUT, .key = op->key, .body = body_of(from)};
    mola_err err = put(mem, &to);
    drop(mem, from);
    return err;
}

static void delete_key(mem_store *mem, mola_str key)
{
    object *old = NULL;
    {
        MOLA_LOCKED(&mem->lock);
        size_t at = find(mem, key);
        if (!found_at(mem, at, key))
            return;
        old = mem->objects[at];
        mem->count--;
        memmove(mem->objects + at, mem->objects + at + 1, (mem->count - at) * sizeof(object *));
    }
    drop(mem, old);
}

static mola_err list(mem_store *mem, mola_ctx *ctx, mola_store_op *op)
{
    mola_page page;
    mola_page_init(&page, ctx->arena, op);
    mola_str first = mola_str_cmp(op->start_after, op->key) > 0 ? op->start_after : op->key;
    MOLA_LOCKED(&mem->lock);
    for (size_t i = find(mem, first); i < mem->count; i++) {
        mola_str key = key_of(mem->objects[i]);
        if (!mola_str_starts(key, op->key) || !mola_page_add(&page, key, mem->objects[i]->body_len))
            break;
    }
    return op->err;
}

static mola_err run_one(mem_store *mem, mola_ctx *ctx, mola_store_op *op)
{
    switch (op->verb) {
    case MOLA_GET:
        return get(mem, ctx, op);
    case MOLA_PUT:
        return put(mem, op);
    case MOLA_DELETE:
        delete_key(mem, op->key);
        return MOLA_OK;
    case MOLA_LIST:
        return list(mem, ctx, op);
    case MOLA_COPY:
        return copy(mem, op);
    }
    return MOLA_INVALID;
}

static void run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    mem_store *mem = (mem_store *)store;
    for (size_t i = 0; i < count; i++) {
        if (!ops[i].err)
            ops[i].err = mola_store_late(ctx) ? MOLA_UNAVAILABLE : run_one(mem, ctx, &ops[i]);
    }
}

static void close_store(mola_store *store)
{
    mem_store *mem = (mem_store *)store;
    for (size_t i = 0; i < mem->count; i++)
        drop(mem, mem->objects[i]);
    mola_free(mem->env->heap, mem->objects, mem->room * sizeof(object *));
    mola_lock_free(&mem->lock);
    mola_free(mem->env->heap, mem, sizeof *mem);
}

mola_err mola_mem_store_open(mola_env *env, mola_store **out, mola_why *why)
{
    static const mola_store_driver driver = {.scheme = "mem", .run = run, .close = close_store};
    mem_store *mem = mola_alloc(env->heap, sizeof *mem);
    if (!mem)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for a mem: store");
    mem->store.driver = &driver;
    mem->env = env;
    mola_lock_init(&mem->lock, env, MOLA_RANK_STORE);
    *out = &mem->store;
    return MOLA_OK;
}
