/* file.c - the file: driver as the rest of the program sees it. */
#include "file.h"
#include "mola/base/check.h"
#include <string.h>

void mola_file_log(mola_file_store *file, const char *call, int error)
{
    mola_log(file->env, MOLA_LOG_WARN, "store_file_error", "call=\"%s\" errno=%s", call,
             strerrorname_np(error));
}

/* --- The URL --- */

static mola_err parse_location(mola_str place, mola_file_location *out, mola_why *why)
{
    const char *mark = place.len ? memrchr(place.data, '?', place.len) : NULL;
    mola_str option = {0};
    if (mark) {
        option = mola_str_from(place, (size_t)(mark - place.data) + 1);
        place.len = (size_t)(mark - place.data);
    }
    if (mark && !mola_str_eq(option, MOLA_STR("force=1")))
        return mola_fail(why, MOLA_INVALID, "store file: the only option is ?force=1");
    out->force = mark != NULL;
    if (mola_str_starts(place, MOLA_STR("///")))
        place = mola_str_from(place, 2);
    if (place.len == 0 || place.len >= sizeof out->path || memchr(place.data, '\0', place.len)) {
        return mola_fail(why, MOLA_INVALID,
                         "store file: needs a directory, as in file:./mola-data");
    }
    memcpy(out->path, place.data, place.len);
    out->path[place.len] = '\0';
    return MOLA_OK;
}

/* --- The driver --- */

/* Read and put: a link would share the tag, which must be new. */
static mola_err copy(mola_file_store *file, const mola_ctx *outer, const mola_store_op *op)
{
    mola_arena arena;
    mola_arena_init(&arena, file->env->heap, SIZE_MAX);
    mola_ctx ctx = *outer;
    ctx.arena = &arena;
    mola_store_op from = {.verb = MOLA_GET, .key = op->source};
    mola_err err = mola_file_get(file, &ctx, &from);
    mola_store_op to = {.verb = MOLA_PUT, .key = op->key, .body = from.bytes};
    if (!err)
        err = mola_file_put(file, &ctx, &to);
    mola_arena_reset(&arena);
    return err;
}

static mola_err run_one(mola_file_store *file, mola_ctx *ctx, mola_store_op *op)
{
    switch (op->verb) {
    case MOLA_GET:
        return mola_file_get(file, ctx, op);
    case MOLA_PUT:
        return mola_file_put(file, ctx, op);
    case MOLA_DELETE:
        return mola_file_delete(file, ctx, op->key);
    case MOLA_LIST:
        return mola_file_list(file, ctx, op);
    case MOLA_COPY:
        return copy(file, ctx, op);
    }
    return MOLA_INVALID;
}

static void run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    mola_file_store *file = (mola_file_store *)store;
    for (size_t i = 0; i < count; i++) {
        if (!ops[i].err)
            ops[i].err = mola_store_late(ctx) ? MOLA_UNAVAILABLE : run_one(file, ctx, &ops[i]);
    }
}

static void close_store(mola_store *store)
{
    mola_file_store *file = (mola_file_store *)store;
    mola_file_directories_close(file);
    mola_file_locks_close(file);
    mola_file_place_close(file);
    mola_free(file->env->heap, file, sizeof *file);
}

static mola_err open_parts(mola_file_store *file, mola_file_location *where, mola_why *why)
{
    mola_err err = mola_file_place_open(file, where, why);
    if (err)
        return err;
    if (!mola_file_directories_open(file))
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for a file: store");
    err = mola_file_locks_open(file, why);
    if (err)
        mola_file_directories_close(file);
    return err;
}

mola_err mola_file_store_open(mola_env *env, mola_str place, mola_store **out, mola_why *why)
{
    static const mola_store_driver driver = {.scheme = "file", .run = run, .close = close_store};
    mola_file_location where;
    mola_err err = parse_location(place, &where, why);
    if (err)
        return err;
    mola_file_store *file = mola_alloc(env->heap, sizeof *file);
    if (!file)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for a file: store");
    file->store.driver = &driver;
    file->env = env;
    file->root_fd = file->objects_fd = file->tmp_fd = file->lock_fd = -1;
    err = open_parts(file, &where, why);
    if (err) {
        mola_file_place_close(file);
        mola_free(env->heap, file, sizeof *file);
        return err;
    }
    *out = &file->store;
    return MOLA_OK;
}
