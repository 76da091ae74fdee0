#include "mola/write/clone.h"
#include "mola/base/check.h"
#include "mola/format/key.h"
#include "write/request.h"

static const char *const member_of[] = {
    [MOLA_COPY_OF] = "copy_from_namespace", [MOLA_BRANCH_OF] = "branch_from_namespace"};

static bool kind_of(mola_json body, mola_branch_kind *kind)
{
    *kind = mola_write_member(body, member_of[MOLA_COPY_OF]).doc ? MOLA_COPY_OF : MOLA_BRANCH_OF;
    return mola_write_member(body, member_of[*kind]).doc != NULL;
}

bool mola_clone_asked(mola_json body)
{
    mola_branch_kind kind;
    return mola_json_kind_of(body) == MOLA_JSON_OBJECT && kind_of(body, &kind);
}

/* ------------------------------------------------------------------ the request */
/* No other member of a write may stand beside it, but for what a copy may choose. */
static mola_err check_alone(mola_json body, mola_branch_kind kind, mola_why *why)
{
    static const char *const others[] = {"upsert_rows",      "upsert_columns",
                                         "patch_rows",       "patch_columns",
                                         "deletes",          "upsert_condition",
                                         "patch_condition",  "delete_condition",
                                         "patch_by_filter",  "patch_by_filter_allow_partial",
                                         "delete_by_filter", "delete_by_filter_allow_partial",
                                         "schema",           "distance_metric",
                                         "create_namespace", "branch_from_namespace",
                                         "encryption",       "sharding"};
    enum { OTHERS = sizeof others / sizeof *others, OF_COPIES = 2 };
    size_t count = OTHERS - (kind == MOLA_COPY_OF ? OF_COPIES : 0);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(others[i], member_of[kind]) != 0 && mola_write_member(body, others[i]).doc) {
            return mola_fail(why, MOLA_INVALID, "%s cannot be used with other write request fields",
                             member_of[kind]);
        }
    }
    return MOLA_OK;
}

static mola_err read_shards(const mola_ctx *ctx, mola_json body, uint32_t *shards)
{
    uint64_t most = mola_limits_of(ctx->env)->shards;
    mola_json sharding = mola_write_member(body, "sharding");
    uint64_t count;
    *shards = 0;
    if (!sharding.doc)
        return MOLA_OK;
    if (!mola_json_u64(mola_json_get(sharding, MOLA_STR("num_shards")), &count) || count < 1 ||
        count > most) {
        return mola_fail(ctx->why, MOLA_INVALID, "sharding.num_shards must be between 1 and %llu",
                         (unsigned long long)most);
    }
    *shards = (uint32_t)count;
    return MOLA_OK;
}

/* An empty text is as good as none. */
static bool is_given(mola_json source, const char *name)
{
    mola_json value = mola_write_member(source, name);
    return value.doc && !mola_json_string_is(value, (mola_str){0});
}

static mola_err read_source(mola_json source, mola_arena *arena, mola_str *name, mola_why *why)
{
    mola_json text = source;
    if (mola_json_kind_of(source) == MOLA_JSON_OBJECT) {
        mola_err err =
            mola_write_check_encryption(mola_write_member(source, "dest_encryption"), arena, why);
        if (err)
            return err;
        if (is_given(source, "source_region") || is_given(source, "source_api_key")) {
            return mola_fail(why, MOLA_INVALID,
                             "copying from another region or organization is not supported");
        }
        text = mola_json_get(source, MOLA_STR("source_namespace"));
    }
    if (!mola_json_string(text, arena, name))
        return MOLA_NO_MEMORY;
    if (!mola_name_ok(*name)) {
        return mola_fail(why, MOLA_INVALID,
                         "Namespace contains invalid characters, must be [A-Za-z0-9-_.]");
    }
    return MOLA_OK;
}

static mola_err read_request(mola_ctx *ctx, mola_json body, mola_clone *out)
{
    mola_err err = check_alone(body, out->kind, ctx->why);
    if (!err) {
        err = mola_write_check_encryption(mola_write_member(body, "encryption"), ctx->arena,
                                          ctx->why);
    }
    if (!err) {
        err = read_source(mola_write_member(body, member_of[out->kind]), ctx->arena, &out->source,
                          ctx->why);
    }
    return err ? err : read_shards(ctx, body, &out->shards);
}

/* ------------------------------------------------------------------ the namespaces */
static mola_err read_newest(mola_ctx *ctx, mola_namespaces *all, mola_str name, mola_view **view)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    return mola_namespace_read(ctx, all, name, &strong, view);
}

/* What stands under the name; NULL: nothing does. */
static mola_err read_destination(mola_ctx *ctx, mola_namespaces *all, mola_str name,
                                 mola_view **view)
{
    *view = NULL;
    mola_err err = read_newest(ctx, all, name, view);
    if (err == MOLA_NOT_FOUND) {
        mola_why_clear(ctx->why);
        return MOLA_OK;
    }
    return err;
}

static mola_err check_destination(mola_ctx *ctx, mola_str name, const mola_view *view,
                                  mola_json body)
{
    mola_json create = mola_write_member(body, "create_namespace");
    if (!view && create.doc && !mola_json_bool(create)) {
        return mola_fail(ctx->why, MOLA_NOT_FOUND, "namespace '%.*s' was not found",
                         MOLA_ARG(name));
    }
    if (view && view->state->read_only) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "Writes not permitted. This namespace is read-only.");
    }
    return MOLA_OK;
}

static mola_err check_source(mola_ctx *ctx, mola_namespaces *all, mola_str name,
                             const mola_view *destination, const mola_clone *clone)
{
    mola_view *source;
    mola_err err = read_newest(ctx, all, clone->source, &source);
    if (err)
        return err;
    bool sharded = source->state->shards;
    mola_view_unref(source);
    if (destination && destination->live_rows)
        return mola_fail(ctx->why, MOLA_CONFLICT, "namespace '%.*s' is not empty", MOLA_ARG(name));
    if (mola_str_eq(name, clone->source)) {
        return mola_fail(ctx->why, MOLA_INVALID, "namespace '%.*s' cannot be made out of itself",
                         MOLA_ARG(name));
    }
    if (sharded && clone->kind == MOLA_BRANCH_OF) {
        return mola_fail(ctx->why, MOLA_INVALID, "branching a sharded namespace is not supported");
    }
    return MOLA_OK;
}

mola_err mola_clone_begin(mola_ctx *ctx, mola_namespaces *all, mola_str name, mola_json body,
                          mola_clone *out)
{
    *out = (mola_clone){0};
    mola_err err = mola_write_check_shape(MOLA_WRITE_ROWS, body, ctx->arena, ctx->why);
    if (err)
        return err;
    bool asked = kind_of(body, &out->kind);
    MOLA_ASSERT(asked);
    mola_view *destination;
    err = read_destination(ctx, all, name, &destination);
    if (err)
        return err;
    err = check_destination(ctx, name, destination, body);
    if (!err)
        err = read_request(ctx, body, out);
    if (!err)
        err = check_source(ctx, all, name, destination, out);
    out->replaces = destination;
    if (destination)
        mola_view_unref(destination);
    return err;
}

mola_err mola_clone_begin_again(mola_ctx *ctx, mola_namespaces *all, mola_str name,
                                mola_clone *clone)
{
    mola_view *destination;
    mola_err err = read_destination(ctx, all, name, &destination);
    if (err)
        return err;
    err = check_destination(ctx, name, destination, (mola_json){0});
    if (!err)
        err = check_source(ctx, all, name, destination, clone);
    clone->replaces = destination;
    if (destination)
        mola_view_unref(destination);
    return err;
}

/* ------------------------------------------------------------------ one attempt */
typedef struct {
    mola_write write; /* must be first */
    mola_lock lock;   /* guards `done` */
    mola_event changed;
    bool done;
} waited_write;

static void note_done(mola_write *write)
{
    waited_write *w = (waited_write *)write;
    MOLA_LOCKED(&w->lock);
    w->done = true;
    mola_event_wake_all(&w->changed);
}

/* Deletes the namespace by its commit group, which sees whether it still has no documents. A
 * namespace that is gone meanwhile is as good. */
static mola_err delete_empty(mola_ctx *ctx, mola_writer *writer, mola_str name)
{
    waited_write w = {.write = {.kind = MOLA_WRITE_DELETE_EMPTY,
                                .name = name,
                                .arena = ctx->arena,
                                .heap = ctx->env->heap,
                                .deadline_ns = ctx->deadline_ns,
                                .done = note_done}};
    mola_lock_init(&w.lock, ctx->env, MOLA_RANK_CACHE);
    mola_event_init(&w.changed, ctx->env);
    mola_writer_submit(writer, ctx->job, &w.write);
    mola_job_pause(ctx->job);
    mola_lock_take(&w.lock);
    while (!w.done)
        (void)mola_event_wait(&w.changed, &w.lock, MOLA_NEVER); /* it has a deadline of its own */
    mola_lock_give(&w.lock);
    mola_job_resume(ctx->job);
    mola_event_free(&w.changed);
    mola_lock_free(&w.lock);
    mola_write_answer *answer = &w.write.answer;
    mola_err err = answer->err == MOLA_NOT_FOUND ? MOLA_OK : answer->err;
    if (err && err != MOLA_CONFLICT)
        *ctx->why = answer->why;
    mola_write_answer_free(answer);
    return err;
}

mola_err mola_clone_make(mola_ctx *ctx, mola_namespaces *all, mola_writer *writer, mola_str name,
                         const mola_clone *clone, const uint8_t nsid[16], mola_branched *out)
{
    if (clone->replaces) {
        mola_err err = delete_empty(ctx, writer, name);
        if (err)
            return err;
    }
    mola_name *source = mola_name_open(all, clone->source);
    mola_name *child = source ? mola_name_open(all, name) : NULL;
    mola_branch how = {.kind = clone->kind, .shards = clone->shards};
    memcpy(how.nsid, nsid, sizeof how.nsid);
    mola_err err =
        child ? mola_name_branch(ctx, source, child, &how, out)
              : mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory to open the namespace");
    if (child)
        mola_name_close(child);
    if (source)
        mola_name_close(source);
    return err;
}
