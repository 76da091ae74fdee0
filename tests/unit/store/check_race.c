/* What every driver must keep when 8 threads, and where the place can be shared 2 processes, meet
 * on one key. */
#include "harness.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { THREADS = 8, PROCESSES = 2, ROUNDS = 40, INCREMENTS = 25 };

/* Seen by all processes. */
typedef struct {
    atomic_uint won[ROUNDS];     /* writers whose put was answered with OK */
    atomic_uint increments;      /* CAS that were answered with OK */
    atomic_uint arrived, failed; /* a start line; workers that met what must not be */
    atomic_uint done;            /* keys that are certainly there */
} shared;
static shared *board;

typedef struct {
    caller caller;
    unsigned number;
    unsigned workers; /* in all processes */
} worker;

#define REQUIRE(c)                                                                                 \
    do {                                                                                           \
        if (!(c)) {                                                                                \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);                          \
            atomic_fetch_add(&board->failed, 1);                                                   \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static void wait_for_all(const worker *w)
{
    atomic_fetch_add(&board->arrived, 1);
    uint64_t limit = mola_boot_ns(w->caller.ctx.env) + 30 * MOLA_SECOND;
    while (atomic_load(&board->arrived) < w->workers && mola_boot_ns(w->caller.ctx.env) < limit)
        mola_sleep_ns(w->caller.ctx.env, 100000);
}

static void run_threads(mola_env *its_env, mola_store *its_store, unsigned first, unsigned workers,
                        void *(*run)(void *))
{
    static worker of[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        caller_init(&of[i].caller, its_env, its_store);
        of[i].number = first + i;
        of[i].workers = workers;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &of[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        mola_arena_reset(&of[i].caller.arena);
    }
}

/* A process of its own: its env is made after the fork, so it shares nothing but the place. */
static pid_t run_process(unsigned process, void *(*run)(void *))
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child > 0)
        return child;
    mola_heap its_heap;
    mola_heap_init(&its_heap, (size_t)1 << 30);
    mola_env *its_env = mola_env_real(&its_heap, NULL);
    mola_store *its_store = open_store(its_env);
    run_threads(its_env, its_store, process * THREADS, PROCESSES * THREADS, run);
    mola_store_close(its_store);
    mola_env_real_free(its_env);
    _exit(0);
}

static void run_everywhere(void *(*run)(void *))
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(board != MAP_FAILED);
    if (strcmp(url, "mem:") == 0) {
        run_threads(env, store, 0, THREADS, run);
    } else {
        pid_t children[PROCESSES];
        for (unsigned i = 0; i < PROCESSES; i++)
            children[i] = run_process(i, run);
        for (unsigned i = 0; i < PROCESSES; i++) {
            int status;
            ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
            ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
    ck_assert_uint_eq(atomic_load(&board->failed), 0);
}

/* --- If-absent --- */

static void create_rounds(worker *w)
{
    char key[48], body[16];
    (void)snprintf(body, sizeof body, "%u", w->number);
    wait_for_all(w);
    for (unsigned round = 0; round < ROUNDS; round++) {
        (void)snprintf(key, sizeof key, "d/%u/w/%u", round / 8,
                       round); /* some in new directories */
        mola_err err = put_new(&w->caller, mola_str_of(key), mola_str_of(body));
        if (err == MOLA_OK)
            atomic_fetch_add(&board->won[round], 1);
        else
            REQUIRE(err == MOLA_CONFLICT);
        REQUIRE(get(&w->caller, mola_str_of(key)) == MOLA_OK);
        bool mine = mola_str_eq(w->caller.op.bytes, mola_str_of(body));
        REQUIRE(mine == (err == MOLA_OK));
    }
}
static void *create_worker(void *argument)
{
    create_rounds(argument);
    return NULL;
}

START_TEST(if_absent_has_one_winner_of_many)
{
    open_fresh(url_table[_i]);
    run_everywhere(create_worker);
    for (unsigned round = 0; round < ROUNDS; round++)
        ck_assert_uint_eq(atomic_load(&board->won[round]), 1);
    close_fresh();
}
END_TEST

/* --- If-match --- */

static void increment_counter(worker *w)
{
    mola_str key = K("ns/counter");
    unsigned seen = 0;
    wait_for_all(w);
    for (unsigned done = 0; done < INCREMENTS;) {
        REQUIRE(get(&w->caller, key) == MOLA_OK);
        char text[16] = "";
        REQUIRE(w->caller.op.bytes.len < sizeof text);
        memcpy(text, w->caller.op.bytes.data, w->caller.op.bytes.len);
        unsigned value = (unsigned)strtoul(text, NULL, 10);
        REQUIRE(value >= seen);
        (void)snprintf(text, sizeof text, "%u", value + 1);
        mola_err err = put_match(&w->caller, key, mola_str_of(text), w->caller.op.new_etag);
        seen = err == MOLA_OK ? value + 1 : value;
        if (err == MOLA_OK)
            done++;
        else
            REQUIRE(err == MOLA_CONFLICT);
    }
    atomic_fetch_add(&board->increments, INCREMENTS);
}
static void *increment_worker(void *argument)
{
    increment_counter(argument);
    return NULL;
}

START_TEST(no_increment_by_cas_is_lost)
{
    open_fresh(url_table[_i]);
    ck_err(put_new(&me, K("ns/counter"), K("0")), MOLA_OK);
    run_everywhere(increment_worker);
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%u", atomic_load(&board->increments));
    ck_assert_uint_ge(atomic_load(&board->increments), THREADS * INCREMENTS);
    ck_object(K("ns/counter"), mola_str_of(expected));
    close_fresh();
}
END_TEST

/* --- Plain puts and deletes --- */

enum { BODY_BYTES = 70000 };

static void churn(worker *w)
{
    static char bodies[256][BODY_BYTES]; /* one per worker, each of one letter */
    REQUIRE(w->number < 256);
    char *body = bodies[w->number];
    memset(body, 'A' + (int)w->number, BODY_BYTES);
    wait_for_all(w);
    for (unsigned i = 0; i < ROUNDS; i++) {
        mola_arena_reset(&w->caller.arena);
        mola_str whole = {body, BODY_BYTES - w->number};
        if (w->number % 4 == 0)
            REQUIRE(delete_key(&w->caller, K("q/churn")) == MOLA_OK);
        else if (w->number % 4 == 1)
            REQUIRE(put(&w->caller, K("q/churn"), whole) == MOLA_OK);
        mola_err err = get(&w->caller, K("q/churn"));
        REQUIRE(err == MOLA_OK || err == MOLA_NOT_FOUND);
        if (err == MOLA_NOT_FOUND)
            continue;
        mola_str got = w->caller.op.bytes;
        REQUIRE(got.len > 0 && got.len == BODY_BYTES - (size_t)(got.data[0] - 'A'));
        for (size_t k = 1; k < got.len; k++)
            REQUIRE(got.data[k] == got.data[0]);
    }
}
static void *churn_worker(void *argument)
{
    churn(argument);
    return NULL;
}

START_TEST(a_get_amid_puts_and_deletes_is_whole)
{
    open_fresh(url_table[_i]);
    run_everywhere(churn_worker);
    close_fresh();
}
END_TEST

/* --- LIST amid puts: section 3 of the protocol relies on it for r/ and ns/ --- */

static void put_and_list(worker *w)
{
    char key[32];
    wait_for_all(w);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (w->number == 0) {
            (void)snprintf(key, sizeof key, "r/%06u", i);
            REQUIRE(put_new(&w->caller, mola_str_of(key), K("x")) == MOLA_OK);
            atomic_store(&board->done, i + 1);
            continue;
        }
        unsigned done = atomic_load(&board->done);
        REQUIRE(list(&w->caller, K("r/")) == MOLA_OK);
        REQUIRE(w->caller.op.entry_count >= done);
        for (unsigned k = 0; k < done; k++) {
            (void)snprintf(key, sizeof key, "r/%06u", k);
            REQUIRE(mola_str_eq(w->caller.op.entries[k].key, mola_str_of(key)));
        }
    }
}
static void *put_and_list_worker(void *argument)
{
    put_and_list(argument);
    return NULL;
}

START_TEST(a_list_shows_every_key_whose_put_was_done_before)
{
    open_fresh(url_table[_i]);
    run_everywhere(put_and_list_worker);
    ck_assert_uint_eq(atomic_load(&board->done), ROUNDS);
    close_fresh();
}
END_TEST

int main(void)
{
    read_url_table();
    const TTest *const per_driver[] = {
        if_absent_has_one_winner_of_many,
        no_increment_by_cas_is_lost,
        a_get_amid_puts_and_deletes_is_whole,
        a_list_shows_every_key_whose_put_was_done_before,
    };
    Suite *suite = suite_create("store races");
    TCase *each = tcase_create("each driver");
    tcase_set_timeout(each, 100);
    for (size_t i = 0; i < sizeof per_driver / sizeof *per_driver; i++)
        tcase_add_loop_test(each, per_driver[i], 0, url_count);
    suite_add_tcase(suite, each);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
