/* The s3: driver under shares of failures: what the callers see, and what the store is asked. The
 * proxy counts; run.py starts it. Figures are printed. */
#include "../unit/store/harness.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

enum { THREADS = 16, GETS = 60, ALL = THREADS * GETS, REPLY_BYTES = 1 << 20 };
static const char *faults;

/* --- The proxy --- */

/* Sets what the JSON says; its counts come back. */
static char *control(const char *json)
{
    static char reply[REPLY_BYTES];
    const char *port = getenv("MOLA_TEST_S3_CONTROL");
    ck_assert_ptr_nonnull(port);
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
    char request[512];
    int size = snprintf(request, sizeof request, "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(json), json);
    ck_assert_int_eq(write(fd, request, (size_t)size), size);
    size_t got = 0;
    for (ssize_t n; (n = read(fd, reply + got, REPLY_BYTES - 1 - got)) > 0;)
        got += (size_t)n;
    reply[got] = '\0';
    ck_assert_int_eq(close(fd), 0);
    ck_assert_ptr_nonnull(strstr(reply, "requests"));
    return reply;
}

static unsigned long gets_counted(void)
{
    const char *found = strstr(control("{}"), "\"GET\": ");
    return found ? strtoul(found + 7, NULL, 10) : 0;
}

/* --- Load --- */

typedef struct {
    caller caller;
    uint64_t took_ns[GETS];
    unsigned ok;
} worker;
static worker workers[THREADS];

static void *get_all(void *argument)
{
    worker *w = argument;
    w->ok = 0;
    for (size_t i = 0; i < GETS; i++) {
        uint64_t from = mola_boot_ns(env);
        w->caller.ctx.deadline_ns = from + 10 * MOLA_SECOND;
        w->ok += get(&w->caller, K("k")) == MOLA_OK;
        w->took_ns[i] = mola_boot_ns(env) - from;
        mola_arena_reset(&w->caller.arena);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

typedef struct {
    unsigned ok, slow; /* slow: a second and more */
    double p50, p95, p99;
} figures;

static figures run_load(const char *what)
{
    static uint64_t took[ALL];
    figures f = {.ok = 0};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        caller_init(&workers[i].caller, env, store);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, get_all, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        memcpy(took + i * GETS, workers[i].took_ns, sizeof workers[i].took_ns);
        f.ok += workers[i].ok;
    }
    qsort(took, ALL, sizeof *took, by_size);
    for (size_t i = 0; i < ALL; i++)
        f.slow += took[i] >= MOLA_SECOND;
    f.p50 = (double)took[ALL / 2] / 1e6;
    f.p95 = (double)took[ALL * 95 / 100] / 1e6;
    f.p99 = (double)took[ALL * 99 / 100] / 1e6;
    printf("%s: %u of %d ok, p50 %.0f, p95 %.0f, p99 %.0f ms, %u over 1 s\n", what, f.ok, ALL,
           f.p50, f.p95, f.p99, f.slow);
    return f;
}

static void begin(const char *settings)
{
    memset(&metrics, 0, sizeof metrics);
    open_fresh(faults);
    (void)control("{\"mix\": {}, \"shape\": {}, \"cut\": false, \"reset\": true}");
    ck_err(put(&me, K("k"), K("x")), MOLA_OK);
    (void)control(settings);
}

static void end(void)
{
    (void)control("{\"mix\": {}, \"shape\": {}, \"cut\": false}");
    close_fresh();
}

START_TEST(slow_gets_are_hardly_seen)
{
    begin("{\"shape\": {\"GET\": [30, 38, 60]}}");
    figures healthy = run_load("healthy");
    int64_t hedges = metrics.value[MOLA_M_store_hedges_total];
    (void)control("{\"mix\": {\"stall_before\": 0.02}}");
    figures slow = run_load("2 of 100 GETs take 3 s");
    hedges = metrics.value[MOLA_M_store_hedges_total] - hedges;
    printf("hedges: %lld\n", (long long)hedges);
    ck_assert_uint_eq(healthy.ok, ALL);
    ck_assert_uint_eq(slow.ok, ALL);
    /* Unhedged, all of the 2 % would be among them. */
    ck_assert_uint_le(slow.slow, healthy.slow + ALL / 200);
    ck_assert_int_le(hedges, ALL / 20 + 10);
    end();
}
END_TEST

START_TEST(failures_do_not_multiply_the_load)
{
    begin("{\"mix\": {\"503_before\": 0.1, \"429_before\": 0.05, \"reset_before\": 0.075, "
          "\"reset_after\": 0.075}, \"reset\": true}");
    figures f = run_load("30 of 100 requests fail");
    unsigned long sent = gets_counted();
    printf("requests: %lu for %d GETs\n", sent, ALL);
    ck_assert_uint_ge(f.ok, ALL * 95 / 100);
    ck_assert_uint_le(sent, ALL * 3 / 2);
    end();
}
END_TEST

START_TEST(a_store_that_comes_back_is_used_at_once)
{
    begin("{\"cut\": true}");
    for (int i = 0; i < 20; i++) {
        me.ctx.deadline_ns = mola_boot_ns(env) + 2 * MOLA_SECOND;
        ck_err(get(&me, K("k")), MOLA_UNAVAILABLE);
        mola_err err = put(&me, K("other"), K("x"));
        ck_assert(err == MOLA_UNKNOWN || err == MOLA_UNAVAILABLE);
    }
    (void)control("{\"cut\": false}");
    me.ctx.deadline_ns = mola_boot_ns(env) + 2 * MOLA_SECOND;
    ck_object(K("k"), K("x"));
    end();
}
END_TEST

int main(void)
{
    faults = getenv("MOLA_TEST_S3_FAULTS");
    if (!faults) {
        (void)fprintf(stderr, "MOLA_TEST_S3_FAULTS is not set: run.py sets it\n");
        return 1;
    }
    Suite *suite = suite_create("s3 load");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, slow_gets_are_hardly_seen);
    tcase_add_test(c, failures_do_not_multiply_the_load);
    tcase_add_test(c, a_store_that_comes_back_is_used_at_once);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
