/* http_client.c - the thread that owns all connections, and what it does at which moment. */
#include "mola/store/http_client.h"
#include "http_attempt.h"
#include "http_pace.h"
#include "mola/base/check.h"
#include <openssl/crypto.h>
#include <stdio.h>

enum {
    SENDINGS_MAX = 3, /* of one exchange, hedges not counted */
    OTHERS_MAX = 8,   /* changes of the question */
    PATIENCE_MAX = 2,
    AT_ONCE_MAX = 512 /* reads, and as many writes */
};
static const uint64_t rest_ns = 50 * MOLA_MILLISECOND; /* before the first retry; doubles */
static const uint64_t idle_ns = 60 * MOLA_SECOND;

typedef struct mola_http_batch {
    size_t left;
    mola_event done;
} batch;

struct mola_http_client {
    mola_env *env;
    const mola_http_owner *owner;
    CURLM *multi;
    mola_lock lock; /* guards the next six, and `left` of every batch */
    mola_http_exchange *submitted, **submitted_end;
    bool stopping, closing, gone;
    bool stopped; /* the thread's own: it has seen `stopping` */
    mola_event went;
    /* The thread's own. */
    mola_http_exchange *first, *last; /* all that are under way, in order of arrival */
    size_t waiting;                   /* of those, in state WAITING */
    size_t running[2];                /* attempts: of reads, of writes */
    uint64_t alarm_ns;                /* nothing is due before */
    mola_http_attempt *unused;
    mola_http_pace pace;
};

/* --- The list of those under way --- */

static void link_exchange(mola_http_client *c, mola_http_exchange *x)
{
    x->own.next = NULL;
    x->own.previous = c->last;
    *(c->last ? &c->last->own.next : &c->first) = x;
    c->last = x;
}

static void unlink_exchange(mola_http_client *c, mola_http_exchange *x)
{
    *(x->own.previous ? &x->own.previous->own.next : &c->first) = x->own.next;
    *(x->own.next ? &x->own.next->own.previous : &c->last) = x->own.previous;
}

static void set_state(mola_http_client *c, mola_http_exchange *x, int state)
{
    if (x->own.state == MOLA_HTTP_WAITING)
        c->waiting--;
    if (state == MOLA_HTTP_WAITING)
        c->waiting++;
    x->own.state = state;
}

/* --- Attempts --- */

static size_t count_running(const mola_http_exchange *x)
{
    size_t count = 0;
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++)
        count += x->own.running[i] != NULL;
    return count;
}

static mola_http_attempt *take_attempt(mola_http_client *c)
{
    mola_http_attempt *a = c->unused;
    if (!a)
        return mola_http_attempt_open(c->env, c->owner);
    c->unused = a->next;
    return a;
}

/* Ends the transfer if it is still under way: its connection is closed then. */
static void drop_attempt(mola_http_client *c, mola_http_attempt *a)
{
    mola_http_exchange *x = a->of;
    (void)curl_multi_remove_handle(c->multi, a->easy);
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
        if (x->own.running[i] == a) {
            x->own.running[i] = NULL;
            c->running[x->is_write]--;
        }
    }
    mola_http_attempt_clear(a);
    if (c->waiting > 0)
        c->alarm_ns = 0; /* there is room for one of them now */
    a->next = c->unused;
    c->unused = a;
}

/* false: no memory for it. */
static bool send_one(mola_http_client *c, mola_http_exchange *x)
{
    size_t slot = 0;
    while (x->own.running[slot])
        slot++;
    MOLA_ASSERT(slot < MOLA_HTTP_BESIDE_MAX);
    mola_http_attempt *a = take_attempt(c);
    if (!a)
        return false;
    x->own.running[slot] = a;
    c->running[x->is_write]++;
    if (mola_http_attempt_begin(a, x) && curl_multi_add_handle(c->multi, a->easy) == CURLM_OK)
        return true;
    drop_attempt(c, a);
    return false;
}

/* --- One exchange --- */

static void drop_all(mola_http_client *c, const mola_http_exchange *x)
{
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
        if (x->own.running[i])
            drop_attempt(c, x->own.running[i]);
    }
}

static void finish(mola_http_client *c, mola_http_exchange *x)
{
    drop_all(c, x);
    set_state(c, x, MOLA_HTTP_RUNNING);
    unlink_exchange(c, x);
    batch *b = x->own.batch;
    MOLA_LOCKED(&c->lock);
    if (--b->left == 0)
        mola_event_wake_all(&b->done);
}

static void finish_with(mola_http_client *c, mola_http_exchange *x, mola_http_attempt *a)
{
    mola_http_free(x); /* what an earlier sending left */
    mola_http_attempt_move(a, &x->reply);
    finish(c, x);
}

static void finish_broken(mola_http_client *c, mola_http_exchange *x, const char *words)
{
    mola_http_free(x);
    x->reply = (mola_http_reply){.end = MOLA_HTTP_BROKEN};
    (void)snprintf(x->reply.words, sizeof x->reply.words, "%s", words);
    finish(c, x);
}

/* An attempt that shows nothing for so long is stalled. Longer with each sending, while several
 * are under way, and when it cannot be sent again: the answer of a slow store would else be thrown
 * away just before it comes. */
static uint64_t stall_limit_ns(const mola_http_exchange *x)
{
    bool several = count_running(x) > 1;
    return x->stall_ns << (x->sendings - 1 + several + x->own.patience);
}

/* When something is to be done about it next; MOLA_NEVER is not among the answers. */
static uint64_t due_ns(const mola_http_exchange *x)
{
    uint64_t due = x->deadline_ns;
    if (x->own.state == MOLA_HTTP_RESTING && x->own.rest_until_ns < due)
        due = x->own.rest_until_ns;
    if (x->own.state != MOLA_HTTP_RUNNING)
        return due;
    if (x->own.hedge_at_ns < due)
        due = x->own.hedge_at_ns;
    if (x->own.overdue_at_ns < due)
        due = x->own.overdue_at_ns;
    uint64_t stall = stall_limit_ns(x);
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
        const mola_http_attempt *a = x->own.running[i];
        if (a && stall && a->progress_ns + stall < due)
            due = a->progress_ns + stall;
    }
    return due;
}

static void watch(mola_http_client *c, const mola_http_exchange *x)
{
    uint64_t due = due_ns(x);
    if (due < c->alarm_ns)
        c->alarm_ns = due;
}

/* From now on its answer is waited for as long as is usual. */
static void await(mola_http_client *c, mola_http_exchange *x)
{
    if (!x->hedged && !x->urged)
        return;
    x->own.overdue_at_ns = mola_boot_ns(c->env) + c->pace.waits[x->is_write].overdue_after_ns;
    watch(c, x);
}

static void start(mola_http_client *c, mola_http_exchange *x)
{
    set_state(c, x, MOLA_HTTP_RUNNING);
    if (x->sendings == 0)
        mola_http_pace_sent(&c->pace, x->hedged);
    x->sendings++;
    x->own.hedge_at_ns = x->own.overdue_at_ns = MOLA_NEVER;
    uint64_t slow_ns = x->hedged ? mola_http_pace_hedge_after(&c->pace) : MOLA_NEVER;
    if (slow_ns != MOLA_NEVER)
        x->own.hedge_at_ns = mola_boot_ns(c->env) + slow_ns;
    await(c, x);
    if (send_one(c, x)) {
        watch(c, x);
    } else {
        finish_broken(c, x, "no memory to send it");
    }
}

static void start_again(mola_http_client *c, mola_http_exchange *x)
{
    mola_http_free(x);
    set_state(c, x, MOLA_HTTP_WAITING);
    c->alarm_ns = 0;
}

/* true: it rests now, and will be sent again. */
static bool retry_later(mola_http_client *c, mola_http_exchange *x)
{
    uint64_t rest = rest_ns << x->sendings; /* and half of it by chance */
    rest = rest / 2 + mola_chance_below(c->env, rest / 2);
    if (rest < x->rest_ns)
        rest = x->rest_ns;
    uint64_t until = mola_boot_ns(c->env) + rest;
    if (!x->repeatable || x->sendings >= SENDINGS_MAX || until >= x->deadline_ns ||
        !mola_http_pace_retry(&c->pace))
        return false;
    mola_count(c->env->metrics, c->owner->retries, 1);
    set_state(c, x, MOLA_HTTP_RESTING);
    x->own.rest_until_ns = until;
    watch(c, x);
    return true;
}

static mola_http_verdict judge(mola_http_exchange *x, const mola_http_reply *reply)
{
    switch (reply->end) {
    case MOLA_HTTP_ANSWERED:
        return x->judge ? x->judge(x, reply) : MOLA_HTTP_DONE;
    case MOLA_HTTP_BROKEN:
        return reply->untrusted ? MOLA_HTTP_DONE : MOLA_HTTP_AGAIN;
    case MOLA_HTTP_MALFORMED:
        return x->trusts_size ? MOLA_HTTP_DONE : MOLA_HTTP_AGAIN;
    case MOLA_HTTP_NO_ROOM:
        return MOLA_HTTP_DONE;
    }
    return MOLA_HTTP_DONE;
}

/* How long a request waited for the head of its answer. One that is given up while it waits has
 * waited at least that long: leaving it out would make slow answers look rare. */
static void learn(mola_http_client *c, const mola_http_attempt *a)
{
    uint64_t end = a->head_seen ? a->head_ns : mola_boot_ns(c->env);
    if (a->of->is_typical)
        mola_http_pace_waited(&c->pace, a->of->is_write, end - a->sent_ns);
}

static void learn_others(mola_http_client *c, const mola_http_attempt *a)
{
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
        const mola_http_attempt *other = a->of->own.running[i];
        if (other && other != a)
            learn(c, other);
    }
}

static void attempt_over(mola_http_client *c, mola_http_attempt *a, CURLcode code)
{
    mola_http_exchange *x = a->of;
    mola_http_attempt_end(a, code);
    if (a->head_seen)
        learn(c, a);
    mola_http_verdict verdict = judge(x, &a->reply);
    bool is_last = count_running(x) == 1;
    if (verdict == MOLA_HTTP_OTHER && x->own.others++ < OTHERS_MAX) {
        drop_all(c, x);
        start_again(c, x);
        return;
    }
    if (verdict == MOLA_HTTP_DONE && (is_last || a->reply.end == MOLA_HTTP_ANSWERED)) {
        if (!is_last) {
            learn_others(c, a);
            mola_count(c->env->metrics, MOLA_M_store_hedges_won_total, x->own.running[0] != a);
        }
        finish_with(c, x, a);
        return;
    }
    if (!is_last) { /* another one may still bring it */
        drop_attempt(c, a);
        await(c, x);
        return;
    }
    mola_http_free(x);
    mola_http_attempt_move(a, &x->reply);
    drop_attempt(c, a);
    if (verdict == MOLA_HTTP_DONE || !retry_later(c, x))
        finish(c, x);
}

/* --- Moments --- */

static bool has_head(const mola_http_exchange *x)
{
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
        if (x->own.running[i] && x->own.running[i]->head_seen)
            return true;
    }
    return false;
}

/* What is alone, stalled and without a head is sent again beside that attempt, which may still be
 * answered; or is given more time when it may not be sent again now. false: neither. */
static bool send_beside(mola_http_client *c, mola_http_exchange *x, uint64_t now)
{
    const mola_http_attempt *a = NULL;
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++)
        a = x->own.running[i] ? x->own.running[i] : a;
    bool alone = a && count_running(x) == 1;
    if (!alone || now < a->progress_ns + stall_limit_ns(x) || has_head(x) || !x->repeatable ||
        x->sendings >= SENDINGS_MAX)
        return false;
    if (!mola_http_pace_retry(&c->pace))
        return ++x->own.patience <= PATIENCE_MAX;
    x->sendings++;
    x->own.hedge_at_ns = x->own.overdue_at_ns = MOLA_NEVER;
    mola_count(c->env->metrics, c->owner->retries, 1);
    return send_one(c, x);
}

static void give_up_stalled(mola_http_client *c, mola_http_exchange *x, uint64_t now)
{
    uint64_t stall = stall_limit_ns(x);
    bool had_any = false;
    if (!stall || send_beside(c, x, now))
        return;
    for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
        mola_http_attempt *a = x->own.running[i];
        if (!a || now < a->progress_ns + stall)
            continue;
        learn(c, a);
        drop_attempt(c, a);
        had_any = true;
    }
    if (!had_any || count_running(x) > 0)
        return;
    mola_http_free(x);
    x->reply = (mola_http_reply){.end = MOLA_HTTP_BROKEN, .words = "no answer for too long"};
    if (!retry_later(c, x))
        finish(c, x);
}

/* It is slow. */
static void hedge(mola_http_client *c, mola_http_exchange *x)
{
    x->own.hedge_at_ns = MOLA_NEVER;
    if (count_running(x) != 1 || has_head(x) || !mola_http_pace_hedge(&c->pace))
        return;
    /* Both slow is so rare that the third need not wait for it to be overdue. */
    x->own.overdue_at_ns = mola_boot_ns(c->env) + mola_http_pace_hedge_after(&c->pace);
    if (send_one(c, x))
        mola_count(c->env->metrics, MOLA_M_store_hedges_total, 1);
    watch(c, x);
}

/* It is overdue. */
static void urge(mola_http_client *c, mola_http_exchange *x)
{
    x->own.overdue_at_ns = MOLA_NEVER;
    if (count_running(x) == MOLA_HTTP_BESIDE_MAX || has_head(x))
        return;
    await(c, x);
    if (!mola_http_pace_urge(&c->pace, x->urged)) /* then the next time */
        return;
    x->own.hedge_at_ns = MOLA_NEVER;
    if (send_one(c, x))
        mola_count(c->env->metrics, c->owner->retries, 1);
}

/* Does what is due for one exchange, which may be finished by it. */
static void attend(mola_http_client *c, mola_http_exchange *x, uint64_t now)
{
    if (c->stopped) {
        finish_broken(c, x, "the server is stopping");
        return;
    }
    if (now >= x->deadline_ns) {
        for (size_t i = 0; i < MOLA_HTTP_BESIDE_MAX; i++) {
            if (x->own.running[i])
                learn(c, x->own.running[i]);
        }
        mola_count(c->env->metrics, c->owner->timeouts, 1);
        finish_broken(c, x, "the time of the request is over");
        return;
    }
    size_t *running = &c->running[x->is_write];
    if (x->own.state == MOLA_HTTP_RESTING && now >= x->own.rest_until_ns)
        set_state(c, x, MOLA_HTTP_WAITING);
    if (x->own.state == MOLA_HTTP_WAITING && *running < AT_ONCE_MAX) {
        start(c, x);
        return;
    }
    if (x->own.state == MOLA_HTTP_RUNNING && now >= x->own.hedge_at_ns)
        hedge(c, x);
    if (x->own.state == MOLA_HTTP_RUNNING && now >= x->own.overdue_at_ns)
        urge(c, x);
    if (x->own.state == MOLA_HTTP_RUNNING)
        give_up_stalled(c, x, now);
}

static void attend_all(mola_http_client *c)
{
    uint64_t now = mola_boot_ns(c->env);
    if (now < c->alarm_ns && c->waiting == 0)
        return;
    c->alarm_ns = MOLA_NEVER;
    for (mola_http_exchange *x = c->first, *next; x; x = next) {
        next = x->own.next;
        attend(c, x, now);
    }
    for (const mola_http_exchange *x = c->first; x; x = x->own.next)
        watch(c, x);
}

static void take_results(mola_http_client *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;) {
        if (m->msg != CURLMSG_DONE)
            continue;
        mola_http_attempt *a = NULL;
        CURLcode code = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &a);
        MOLA_ASSERT(a && a->of);
        attempt_over(c, a, code);
    }
}

/* false: the client is closing. */
static bool take_submitted(mola_http_client *c)
{
    MOLA_LOCKED(&c->lock);
    for (mola_http_exchange *x = c->submitted, *next; x; x = next) {
        next = x->own.next;
        link_exchange(c, x);
        c->waiting++;
    }
    c->submitted = NULL;
    c->submitted_end = &c->submitted;
    c->stopped = c->stopping;
    if (c->stopped)
        c->alarm_ns = 0;
    return !c->closing;
}

static int wait_ms(mola_http_client *c)
{
    uint64_t now = mola_boot_ns(c->env), until = c->alarm_ns;
    uint64_t wait = until <= now ? 0 : until - now;
    if (wait > idle_ns)
        wait = idle_ns;
    return (int)((wait + MOLA_MILLISECOND - 1) / MOLA_MILLISECOND);
}

static void thread(void *argument)
{
    mola_http_client *c = argument;
    while (take_submitted(c)) {
        int running;
        mola_http_pace_pass(&c->pace, mola_boot_ns(c->env));
        attend_all(c);
        (void)curl_multi_perform(c->multi, &running);
        take_results(c);
        (void)curl_multi_poll(c->multi, NULL, 0, wait_ms(c), NULL);
    }
    MOLA_ASSERT(!c->first);
    for (mola_http_attempt *a = c->unused, *next; a; a = next) {
        next = a->next;
        mola_http_attempt_close(a);
    }
    (void)curl_multi_cleanup(c->multi);
    OPENSSL_thread_stop(); /* else it runs as the thread exits, beside the clean-up of the process
                            */
    MOLA_LOCKED(&c->lock);
    c->gone = true;
    mola_event_wake_all(&c->went);
}

/* --- What other threads call --- */

void mola_http_run(mola_http_client *client, mola_http_exchange *const *list, size_t count)
{
    batch b = {.left = count};
    if (count == 0)
        return;
    mola_event_init(&b.done, client->env);
    bool was_empty;
    {
        MOLA_LOCKED(&client->lock);
        was_empty = !client->submitted;
        for (size_t i = 0; i < count; i++) {
            mola_http_exchange *x = list[i];
            memset(&x->own, 0, sizeof x->own);
            x->reply = (mola_http_reply){0};
            x->sendings = x->copies = 0;
            x->own.batch = &b;
            *client->submitted_end = x;
            client->submitted_end = &x->own.next;
        }
    }
    if (was_empty)
        (void)curl_multi_wakeup(client->multi);
    {
        MOLA_LOCKED(&client->lock);
        while (b.left > 0)
            (void)mola_event_wait(&b.done, &client->lock, MOLA_NEVER);
    }
    mola_event_free(&b.done);
}

void mola_http_free(mola_http_exchange *x)
{
    if (x->reply.text.heap)
        mola_buf_free(&x->reply.text);
}

void mola_http_client_stop(mola_http_client *client)
{
    MOLA_LOCKED(&client->lock);
    client->stopping = true;
    (void)curl_multi_wakeup(client->multi);
}

void mola_http_client_close(mola_http_client *client)
{
    mola_env *env = client->env;
    {
        MOLA_LOCKED(&client->lock);
        client->closing = true;
        (void)curl_multi_wakeup(client->multi);
        while (!client->gone)
            (void)mola_event_wait(&client->went, &client->lock, MOLA_NEVER);
    }
    mola_event_free(&client->went);
    mola_lock_free(&client->lock);
    curl_global_cleanup();
    mola_free(env->heap, client, sizeof *client);
}

static bool set_limits(CURLM *multi)
{
    return curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)(2 * AT_ONCE_MAX)) == CURLM_OK;
}

mola_err mola_http_client_open(mola_env *env, const mola_http_owner *owner, mola_http_client **out,
                               mola_why *why)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return mola_fail(why, MOLA_UNAVAILABLE, "libcurl does not start");
    mola_http_client *c = mola_alloc(env->heap, sizeof *c);
    if (!c)
        goto fail_global;
    c->env = env;
    c->owner = owner;
    c->submitted_end = &c->submitted;
    c->alarm_ns = MOLA_NEVER;
    mola_http_pace_init(&c->pace, mola_boot_ns(env));
    if (!(c->multi = curl_multi_init()))
        goto fail_client;
    mola_lock_init(&c->lock, env, MOLA_RANK_STORE);
    mola_event_init(&c->went, env);
    if (set_limits(c->multi) && env->ops->spawn(env, owner->name, thread, c) == MOLA_OK) {
        *out = c;
        return MOLA_OK;
    }
    mola_event_free(&c->went);
    mola_lock_free(&c->lock);
    (void)curl_multi_cleanup(c->multi);
fail_client:
    mola_free(env->heap, c, sizeof *c);
fail_global:
    curl_global_cleanup();
    return mola_fail(why, MOLA_UNAVAILABLE, "no memory or no thread for connections of the %s",
                     owner->name);
}
