/* writer.c - who writes to which name on this node, and when.
 *
 * A name with waiting writes has one group, which is at any moment either in the executor, queued
 * or running one step, or in the list of windows until the time of its next step. So at most one
 * step of a name runs at a time (protocol section 6), and no thread is tied to a name or to a
 * waiting client. One thread of the writer's own watches the windows. */
#include "mola/write/write.h"
#include "write/commit.h"

enum { BUCKETS = 4096 };
/* When the executor is full, a group tries again after this time. */
static const uint64_t RETRY_NS = 10 * MOLA_MILLISECOND;
/* Clients that were answered together come back together. The next step waits for as many as those,
 * a moment at most: it would take the first of them alone, and let the others wait for one more
 * PUT. */
enum { MOMENTS_OF_A_WINDOW = 20 };

typedef struct group group;
struct group {
    mola_job job;
    mola_writer *writer;
    group *chain; /* of its bucket */
    mola_str text;
    mola_name *name;       /* opened by the first step */
    group *later, *sooner; /* neighbours in that list */
    uint64_t due_ns;
    mola_write *first, *last;
    uint32_t waiting;  /* members in the list; those of a step under way are not */
    uint32_t expected; /* in that list: so many members will do before it is due; 0: it waits */
};

struct mola_writer {
    mola_writer_config config;
    mola_lock lock; /* guards everything below, and all groups but what a step of theirs works on */
    mola_event watch_again, idle;
    bool closing, watching;
    uint32_t active; /* steps in the executor */
    group *soonest, *latest;
    group *buckets[BUCKETS];
};

/* -- the table and the list of windows; all with the lock held -----------------------------------
 */

static group **bucket_of(mola_writer *w, mola_str name)
{
    return &w->buckets[mola_value_hash(&(mola_value){.elem = MOLA_ELEM_STRING, .s = name}) %
                       BUCKETS];
}

static group *find(mola_writer *w, mola_str name)
{
    group *g = *bucket_of(w, name);
    while (g && !mola_str_eq(g->text, name))
        g = g->chain;
    return g;
}

static group *make(mola_writer *w, mola_str name)
{
    mola_heap *heap = w->config.env->heap;
    group *g = mola_alloc(heap, sizeof *g + name.len);
    if (!g)
        return NULL;
    memcpy(g + 1, name.data, name.len);
    g->text = (mola_str){(const char *)(g + 1), name.len};
    g->writer = w;
    group **bucket = bucket_of(w, name);
    g->chain = *bucket;
    *bucket = g;
    return g;
}

/* Out of the table: nobody finds it any more. Its memory is freed by discard(), without the lock.
 */
static void take_out(group *g)
{
    MOLA_ASSERT(!g->first);
    group **at = bucket_of(g->writer, g->text);
    while (*at != g)
        at = &(*at)->chain;
    *at = g->chain;
}

static void discard(group *g)
{
    if (g->name)
        mola_name_close(g->name);
    mola_free(g->writer->config.env->heap, g, sizeof *g + g->text.len);
}

/* Windows are equally long, so a new one belongs at the end or close to it. */
static void wait_until(group *g, uint64_t due_ns)
{
    mola_writer *w = g->writer;
    group *sooner = w->latest;
    while (sooner && sooner->due_ns > due_ns)
        sooner = sooner->sooner;
    g->due_ns = due_ns;
    g->sooner = sooner;
    g->later = sooner ? sooner->later : w->soonest;
    *(sooner ? &sooner->later : &w->soonest) = g;
    *(g->later ? &g->later->sooner : &w->latest) = g;
    if (w->soonest == g)
        mola_event_wake_all(&w->watch_again);
}

static void stop_waiting(group *g)
{
    mola_writer *w = g->writer;
    MOLA_ASSERT(g->sooner || w->soonest == g); /* it is in the list */
    *(g->sooner ? &g->sooner->later : &w->soonest) = g->later;
    *(g->later ? &g->later->sooner : &w->latest) = g->sooner;
    g->sooner = g->later = NULL;
}

static mola_write *take_members(group *g)
{
    mola_write *first = g->first;
    g->first = g->last = NULL;
    g->waiting = 0;
    return first;
}

/* Members that a step left over stand before those that came meanwhile. How many they are. */
static uint32_t put_back(group *g, mola_write *first)
{
    uint32_t count = 1;
    if (!first)
        return 0;
    mola_write *last = first;
    for (; last->next; last = last->next)
        count++;
    last->next = g->first;
    g->first = first;
    if (!g->last)
        g->last = last;
    g->waiting += count;
    return count;
}

/* -- steps ------------------------------------------------------------------------------------- */

static void refuse_all(mola_write *first)
{
    while (first) {
        mola_write *write = first;
        first = write->next;
        mola_write_fail(write, MOLA_UNAVAILABLE, MOLA_STR("not written: the server is stopping"));
    }
}

/* Where a group goes from here. */
typedef enum {
    GO_OUT,  /* idle, and its window is over */
    GO_WAIT, /* into the list of windows */
    GO_STEP, /* into the executor: start() */
} way;

/* With the lock held. A step that may follow is counted at once, so that close() waits for it. */
static way choose_way(group *g, uint64_t due_ns)
{
    mola_writer *w = g->writer;
    if (due_ns > mola_boot_ns(w->config.env)) {
        wait_until(g, due_ns);
        return GO_WAIT;
    }
    if (!g->first) {
        take_out(g);
        return GO_OUT;
    }
    w->active++;
    return GO_STEP;
}

static void run_step(mola_job *job);

/* Without the lock: making a thread takes a while. false: the executor is full or closing, and the
 * group is still the caller's. */
static bool start(group *g)
{
    g->job = (mola_job){.run = run_step};
    return mola_executor_submit(g->writer->config.executor, MOLA_JOB_WRITE, &g->job) == MOLA_OK;
}

/* Last of a step, for close() frees the writer when none is left. */
static void end_step(mola_writer *w)
{
    w->active--;
    mola_event_wake_all(&w->idle);
}

/* Without the lock, after choose_way(). Members that have joined wait for a place in a full
 * executor; a closing writer has its own way with them. */
static void go(group *g, way where)
{
    if (where == GO_WAIT) /* its window may be over by now, and the group gone */
        return;
    mola_writer *w = g->writer;
    if (where == GO_OUT)
        discard(g);
    if (where == GO_OUT || start(g))
        return;
    MOLA_SOMETIMES(executor_was_full);
    mola_lock_take(&w->lock);
    bool closing = w->closing;
    mola_write *unwanted = closing ? take_members(g) : NULL;
    if (closing) {
        take_out(g);
    } else {
        wait_until(g, mola_boot_ns(w->config.env) + RETRY_NS);
    }
    mola_lock_give(&w->lock);
    refuse_all(unwanted);
    if (closing)
        discard(g);
    mola_lock_take(&w->lock);
    end_step(w);
    mola_lock_give(&w->lock);
}

/* With the lock held: what a bulk load ahead of them was granted does not count as their wait. */
static void grant(group *g, uint64_t granted_ns)
{
    uint64_t now = mola_boot_ns(g->writer->config.env);
    for (mola_write *w = g->first; w; w = w->next)
        w->joined_ns = now - w->joined_ns > granted_ns ? w->joined_ns + granted_ns : now;
}

/* With the lock held: when the step after this one is due, which has answered so many. *expected:
 * with so many members it is due at once; 0: it is not. */
static uint64_t next_step(const group *g, uint64_t put_ns, uint32_t answered, uint32_t *expected)
{
    const mola_writer *w = g->writer;
    uint64_t window_ns = w->config.window_ns, over_ns = put_ns + window_ns;
    uint64_t moment_ns = mola_boot_ns(w->config.env) + window_ns / MOMENTS_OF_A_WINDOW;
    bool comes_too_late = over_ns >= moment_ns, alone = answered < 2;
    *expected = comes_too_late || alone || g->waiting >= answered ? 0 : answered;
    return *expected ? moment_ns : over_ns;
}

/* One executor job: one step of one group. */
static void run_step(mola_job *job)
{
    group *g = (group *)((char *)job - offsetof(group, job));
    mola_writer *w = g->writer;
    mola_lock_take(&w->lock);
    uint32_t taken = g->waiting;
    mola_write *first = take_members(g);
    bool closing = w->closing;
    mola_lock_give(&w->lock);

    if (!g->name && !closing)
        g->name = mola_name_open(w->config.namespaces, g->text);
    mola_commit commit = {.env = w->config.env,
                          .job = job,
                          .name = g->name,
                          .group_bytes_max = w->config.group_bytes_max,
                          .commit_ns_max = w->config.commit_ns_max,
                          .limits = &w->config.limits,
                          .first = first};
    if (g->name && !closing)
        mola_commit_step(&commit);
    while (!g->name && !closing && commit.first) {
        mola_write *write = commit.first;
        commit.first = write->next;
        mola_write_fail(write, MOLA_NO_MEMORY, MOLA_STR("not enough memory to open the namespace"));
    }

    mola_lock_take(&w->lock);
    taken -= put_back(g, commit.first);
    if (commit.granted_ns)
        grant(g, commit.granted_ns);
    closing = w->closing;
    mola_write *unwanted = closing ? take_members(g) : NULL;
    uint32_t expected = 0;
    uint64_t due_ns = commit.put_ns && !closing ? next_step(g, commit.put_ns, taken, &expected) : 0;
    way where = choose_way(g, due_ns);
    g->expected = where == GO_WAIT ? expected : 0; /* the moment may be over already */
    mola_lock_give(&w->lock);
    refuse_all(unwanted);
    go(g, where);

    mola_lock_take(&w->lock);
    end_step(w);
    mola_lock_give(&w->lock);
}

/* -- windows ----------------------------------------------------------------------------------- */

static void watch_windows(void *argument)
{
    mola_writer *w = argument;
    mola_lock_take(&w->lock);
    while (!w->closing) {
        group *g = w->soonest;
        uint64_t now = mola_boot_ns(w->config.env);
        if (!g || g->due_ns > now) {
            (void)mola_event_wait(&w->watch_again, &w->lock, g ? g->due_ns : MOLA_NEVER);
            continue;
        }
        stop_waiting(g);
        g->expected = 0;
        way where = choose_way(g, 0);
        mola_lock_give(&w->lock);
        go(g, where);
        mola_lock_take(&w->lock);
    }
    w->watching = false;
    mola_event_wake_all(&w->idle);
    mola_lock_give(&w->lock);
}

/* -- members ----------------------------------------------------------------------------------- */

/* Decodes against the state that this node saw last (NULL: absence); the group's step decodes again
 * if it meets another one. An unknown namespace is left to the step: it would be a guess about
 * everything. */
static void decode_ahead(mola_writer *w, mola_write *write, const mola_write_request *request,
                         mola_state *state)
{
    mola_write_decode(write->plan, &(mola_decode){.request = request,
                                                  .limits = mola_limits_of(w->config.env),
                                                  .base = state,
                                                  .state_heap = w->config.env->heap,
                                                  .arena = write->arena,
                                                  .texts = write->texts});
}

/* The state to decode on. false: it is not known. */
static bool guess_state(mola_writer *w, mola_ctx *ctx, const mola_write *write, mola_state **out)
{
    *out = mola_namespace_guess_state(w->config.namespaces, write->name);
    if (*out)
        return true;
    if (!mola_provider_embeddings(w->config.provider) || write->kind != MOLA_WRITE_ROWS)
        return false;
    /* It may say that texts become vectors, for which the group's step would not wait. */
    mola_view *view;
    mola_freshness freshness = {.level = MOLA_READ_STRONG};
    mola_err err = mola_namespace_read(ctx, w->config.namespaces, write->name, &freshness, &view);
    if (err)
        return err == MOLA_NOT_FOUND;
    *out = view->state;
    mola_state_ref(*out);
    mola_view_unref(view);
    return true;
}

/* Decodes, embeds what is to be embedded, and decodes again. Errors but those of a model are left
 * to the step. */
static mola_err decode_and_embed(mola_writer *w, mola_job *job, mola_write *write)
{
    const mola_embedding_models *models = mola_provider_embeddings(w->config.provider);
    if (models) {
        write->texts = mola_new(write->arena, mola_write_texts, 1);
        if (!write->texts)
            return MOLA_NO_MEMORY;
        write->texts->models = models;
    }
    mola_state *state;
    mola_why why = {.len = 0};
    mola_ctx ctx = {.env = w->config.env,
                    .arena = write->arena,
                    .why = &why,
                    .job = job,
                    .deadline_ns = mola_boot_ns(w->config.env) + w->config.commit_ns_max};
    bool known = guess_state(w, &ctx, write, &state);
    mola_view_release(&ctx, NULL);
    mola_why_clear(&why);
    mola_write_request request = mola_write_request_read(write->kind, write->body);
    if (!known || (!state && !mola_write_request_creates(&request)))
        return MOLA_OK;
    decode_ahead(w, write, &request, state);
    mola_err err = MOLA_OK;
    bool good = write->plan->err == MOLA_UNAVAILABLE && write->texts &&
                (write->kind != MOLA_WRITE_ROWS ||
                 !mola_write_check_meaning(write->body, write->arena, NULL));
    if (good && !(state && state->read_only)) {
        ctx.why = &write->answer.why;
        ctx.deadline_ns = write->deadline_ns;
        err = mola_write_texts_embed(&ctx, write->texts, w->config.provider, &write->embedding);
        if (!err)
            decode_ahead(w, write, &request, state);
    }
    mola_state_unref(state);
    return err;
}

/* Puts the member at the end of its group, with the lock held. *made: the group is new, and its
 * first step to be started. */
static mola_err join(mola_writer *w, mola_write *write, group **made)
{
    mola_why *why = &write->answer.why;
    if (w->closing)
        return mola_fail(why, MOLA_UNAVAILABLE, "not written: the server is stopping");
    group *g = find(w, write->name);
    if (!g) {
        g = *made = make(w, write->name);
        if (!g)
            return mola_fail(why, MOLA_NO_MEMORY, "not enough memory to open the namespace");
        w->active++;
    }
    if (g->waiting >= w->config.waiting_max) {
        MOLA_SOMETIMES(writes_pushed_back);
        return mola_fail(why, MOLA_BUSY, "too many writes are waiting for this namespace");
    }
    write->joined_ns = mola_boot_ns(w->config.env); /* decoding and models took what they took */
    if (g->last) {
        g->last->next = write;
    } else {
        g->first = write;
    }
    g->last = write;
    g->waiting++;
    if (g->expected && g->waiting >= g->expected) {
        g->expected = 0;
        stop_waiting(g);
        wait_until(g, write->joined_ns);
    }
    return MOLA_OK;
}

void mola_writer_submit(mola_writer *w, mola_job *job, mola_write *write)
{
    write->next = NULL;
    write->plan = NULL;
    write->texts = NULL;
    write->embedding = (mola_model_usage){0};
    write->answer = (mola_write_answer){0};
    mola_why *why = &write->answer.why;
    mola_err err = mola_write_check_shape(write->kind, write->body, write->arena, why);
    if (!err && (write->kind == MOLA_WRITE_ROWS || write->kind == MOLA_WRITE_SCHEMA)) {
        write->plan = mola_write_plan_new(write->heap);
        err = write->plan ? decode_and_embed(w, job, write) : MOLA_NO_MEMORY;
        if (err == MOLA_NO_MEMORY)
            err = mola_fail(why, err, "not enough memory to decode the write");
    }
    group *made = NULL;
    if (!err) {
        mola_lock_take(&w->lock);
        err = join(w, write, &made);
        mola_lock_give(&w->lock);
    }
    if (made)
        go(made, GO_STEP);
    if (err) {
        write->answer.err = err;
        mola_write_finish(write);
    }
}

/* -- opening and closing ----------------------------------------------------------------------- */

static void set_default(uint64_t *limit, uint64_t value)
{
    if (*limit == 0)
        *limit = value;
}

mola_err mola_writer_open(const mola_writer_config *config, mola_writer **out)
{
    MOLA_ASSERT(config->waiting_max > 0 && config->group_bytes_max > 0);
    mola_env *env = config->env;
    mola_writer *w = mola_alloc(env->heap, sizeof *w);
    if (!w)
        return MOLA_NO_MEMORY;
    w->config = *config;
    mola_write_limits *limits = &w->config.limits;
    set_default(&limits->unindexed_bytes_max, 2ull << 30);
    set_default(&limits->delete_by_filter_max, 5000000);
    set_default(&limits->patch_by_filter_max, 50000);
    set_default(&limits->patch_by_filter_bytes, 512ull << 20);
    mola_lock_init(&w->lock, env, MOLA_RANK_WRITER);
    mola_event_init(&w->watch_again, env);
    mola_event_init(&w->idle, env);
    w->watching = true;
    mola_err err = env->ops->spawn(env, "write-windows", watch_windows, w);
    if (err) {
        w->watching = false;
        mola_writer_close(w);
        return err;
    }
    *out = w;
    return MOLA_OK;
}

void mola_writer_stop(mola_writer *w)
{
    mola_lock_take(&w->lock);
    w->closing = true;
    mola_event_wake_all(&w->watch_again);
    for (group *g; (g = w->soonest);) {
        stop_waiting(g);
        mola_write *unwanted = take_members(g);
        take_out(g);
        mola_lock_give(&w->lock);
        refuse_all(unwanted);
        discard(g);
        mola_lock_take(&w->lock);
    }
    while (w->active || w->watching)
        (void)mola_event_wait(&w->idle, &w->lock, MOLA_NEVER);
    mola_lock_give(&w->lock);
}

void mola_writer_close(mola_writer *w)
{
    mola_writer_stop(w);
    mola_event_free(&w->idle);
    mola_event_free(&w->watch_again);
    mola_lock_free(&w->lock);
    mola_free(w->config.env->heap, w, sizeof *w);
}
