/* node.h - nodes that write to one shared mem: store: registry, executor, writer. A test may put a
 * judge before the store, who decides what becomes of each operation. */
#pragma once
#include "mola/base/check.h"
#include "mola/model/schema.h"
#include "mola/store/store.h"
#include "mola/write/write.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum {
    PASS,
    LOSE_ANSWER,  /* done, but nobody hears of it */
    LOSE_REQUEST, /* never arrives; nobody hears of that either */
    REFUSE,       /* certainly not done */
} fate;
typedef fate (*judge)(const mola_store_op *op, void *argument);

/* The world: one store. */
static mola_heap heap;
static mola_metrics metrics;
static mola_env *env;
static mola_store *real_store;
static mola_store faulty_store;
static judge the_judge;
static void *judge_argument;

typedef struct {
    mola_namespaces *namespaces;
    mola_executor *executor;
    mola_writer *writer;
} node;

static inline void run_judged(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    (void)store;
    for (size_t i = 0; i < count; i++) {
        fate f = the_judge ? the_judge(&ops[i], judge_argument) : PASS;
        if (f == PASS || f == LOSE_ANSWER)
            real_store->driver->run(real_store, ctx, &ops[i], 1);
        if (f != PASS)
            ops[i].err = f == REFUSE ? MOLA_UNAVAILABLE : MOLA_UNKNOWN;
    }
}
static inline void close_judged(mola_store *store)
{
    (void)store;
}

static inline void open_world(void)
{
    static const mola_store_driver driver = {
        .scheme = "judged", .run = run_judged, .close = close_judged};
    mola_heap_init(&heap, (size_t)4 << 30);
    memset(&metrics, 0, sizeof metrics);
    env = mola_env_real(&heap, &metrics);
    env->log_level = MOLA_LOG_ERROR + 1;
    mola_why why = {0};
    ck_assert_int_eq(mola_store_open(env, MOLA_STR("mem:"), &real_store, &why), MOLA_OK);
    faulty_store.driver = &driver;
    env->store = &faulty_store;
    the_judge = NULL;
}

static inline void close_world(void)
{
    mola_store_close(real_store);
    mola_env_real_free(env);
    ck_assert_uint_eq(atomic_load(&heap.used), 0); /* nothing leaked */
}

static inline mola_writer_config writer_config(const node *n)
{
    return (mola_writer_config){.env = env,
                                .namespaces = n->namespaces,
                                .executor = n->executor,
                                .window_ns = 0,
                                .group_bytes_max = 16 << 20,
                                .commit_ns_max = 10 * MOLA_SECOND,
                                .waiting_max = 10000};
}

static inline void open_parts(node *n)
{
    mola_namespaces_config names = {
        .env = env, .view_bytes_max = (size_t)1 << 30, .fence_ns = 60 * MOLA_SECOND};
    ck_assert_int_eq(mola_namespaces_open(&names, &n->namespaces), MOLA_OK);
    mola_executor_config jobs = {
        .threads_max = 8, .permits = {2, 2, 2}, .queue_max = {1000, 1000, 1000}};
    ck_assert_int_eq(mola_executor_open(env, &jobs, &n->executor), MOLA_OK);
}

static inline void open_node(node *n)
{
    open_parts(n);
    mola_writer_config config = writer_config(n);
    ck_assert_int_eq(mola_writer_open(&config, &n->writer), MOLA_OK);
}

static inline void close_node(node *n)
{
    mola_writer_close(n->writer);
    mola_executor_close(n->executor);
    mola_namespaces_close(n->namespaces);
}

/* -- requests ---------------------------------------------------------------------------------- */

/* One request: what a client sends, and what came back. */
typedef struct {
    mola_write write;
    mola_json_doc doc;
    mola_arena arena;
    mola_buf text;
    mola_lock lock; /* guards answered */
    mola_event event;
    bool answered;
} client;

static inline void on_done(mola_write *write)
{
    client *c = (client *)((char *)write - offsetof(client, write));
    mola_lock_take(&c->lock);
    ck_assert(!c->answered);
    c->answered = true;
    mola_event_wake_all(&c->event);
    mola_lock_give(&c->lock);
}

static inline void open_client(client *c, mola_write_kind kind, mola_str name, mola_str body)
{
    *c = (client){.write = {.kind = kind, .name = name, .heap = &heap, .done = on_done}};
    c->write.deadline_ns = mola_boot_ns(env) + 60 * MOLA_SECOND;
    mola_arena_init(&c->arena, &heap, (size_t)1 << 30);
    c->write.arena = &c->arena;
    mola_lock_init(&c->lock, env, MOLA_RANK_LOG);
    mola_event_init(&c->event, env);
    mola_buf_init(&c->text, &heap);
    mola_buf_add_str(&c->text, body);
    mola_buf_add_zeros(&c->text, MOLA_JSON_PADDING);
    mola_why why = {0};
    mola_err err = mola_json_parse(&heap, (mola_str){c->text.data, body.len}, &c->doc, &why);
    ck_assert_msg(err == MOLA_OK, "%s in " MOLA_FMT, why.text, MOLA_ARG(body));
    c->write.body = mola_json_root(&c->doc);
}

static inline void send(node *n, client *c)
{
    mola_writer_submit(n->writer, NULL, &c->write);
}

static inline mola_write_answer *answer_of(client *c)
{
    mola_lock_take(&c->lock);
    while (!c->answered)
        (void)mola_event_wait(&c->event, &c->lock, MOLA_NEVER);
    mola_lock_give(&c->lock);
    return &c->write.answer;
}

static inline void close_client(client *c)
{
    mola_write_answer_free(&c->write.answer);
    mola_event_free(&c->event);
    mola_lock_free(&c->lock);
    mola_json_free(&c->doc);
    mola_arena_reset(&c->arena);
    mola_buf_free(&c->text);
}

/* Sends one request and waits. */
static inline mola_err write_now(node *n, mola_write_kind kind, const char *name, const char *body)
{
    client c;
    open_client(&c, kind, mola_str_of(name), mola_str_of(body));
    send(n, &c);
    mola_err err = answer_of(&c)->err;
    close_client(&c);
    return err;
}

/* The view that a strong read sees now; NULL: no such namespace. One reference. */
static inline mola_view *read_now(node *n, const char *name)
{
    mola_arena arena;
    mola_why why = {0};
    mola_arena_init(&arena, &heap, (size_t)1 << 30);
    mola_ctx ctx = {.env = env,
                    .arena = &arena,
                    .why = &why,
                    .deadline_ns = mola_boot_ns(env) + 10 * MOLA_SECOND};
    mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view = NULL;
    mola_err err = mola_namespace_read(&ctx, n->namespaces, mola_str_of(name), &strong, &view);
    ck_assert_msg(err == MOLA_OK || err == MOLA_NOT_FOUND, "%s", why.text);
    mola_arena_reset(&arena);
    return err ? NULL : view;
}

/* A cell of a document, as JSON into `out`; false: no such document, or it has no value there. */
static inline bool print_cell(mola_buf *out, const mola_view *view, const mola_value *id,
                              const mola_attr *attr)
{
    uint32_t part, row;
    mola_column column;
    if (!mola_view_find(view, id, &part, &row) ||
        !mola_part_whole_column(view->parts[part].part, attr->id, &column) ||
        !mola_column_has(&column, row))
        return false;
    mola_column_print(out, &column, row, MOLA_VECTORS_AS_FLOATS);
    return true;
}
