#include "doctor.h"
#include "config.h"
#include "mola/store/preflight.h"
#include <stdio.h>

enum { EXIT_SAFE = 0, EXIT_UNSAFE = 1, EXIT_BAD_ARGUMENTS = 2, ARENA_BYTES = 64 << 20 };
static const uint64_t patience_ns = 10 * MOLA_SECOND;
static const int64_t skew_max_s = 5;

typedef struct {
    mola_config config;
    mola_heap heap;
    mola_metrics metrics;
    mola_arena arena;
    mola_why why;
    mola_env *env;
    mola_store *store;
    mola_preflight found;
} doctor;

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* Without its options: there may be a secret among them. */
static mola_str place_of(const doctor *d)
{
    mola_str rest = mola_str_of(d->config.store);
    return mola_str_starts(rest, MOLA_STR("s3:")) ? mola_str_cut(&rest, '?') : rest;
}

static void print_table(const doctor *d)
{
    static const char *const results[] = {[MOLA_CHECK_SKIPPED] = "not known",
                                          [MOLA_CHECK_PASSED] = "yes",
                                          [MOLA_CHECK_FAILED] = "**NO**"};
    const mola_preflight *f = &d->found;
    mola_str place = place_of(d);
    printf("| " MOLA_FMT " | holds | ms |\n|---|---|---|\n", MOLA_ARG(place));
    for (size_t i = 0; i < MOLA_CHECK_COUNT; i++) {
        printf("| %s | %s | %.1f |\n", mola_check_text((mola_check)i), results[f->checks[i]],
               milliseconds(f->took_ns[i]));
    }
    printf("| quickest PUT of a small object | | %.1f |\n", milliseconds(f->put_ns));
    printf("| quickest GET of a small object | | %.1f |\n", milliseconds(f->get_ns));
    if (f->survey.asked) {
        printf("| versioning | %s | |\n", f->survey.versioning ? "on" : "off");
        printf("| lifecycle rules | %s | |\n", f->survey.lifecycle ? "some" : "none");
        printf("| Object Lock | %s | |\n", f->survey.object_lock ? "on" : "off");
        printf("| its clock minus ours | %lld s | |\n", (long long)f->survey.skew_s);
    }
}

static void print_warnings(const mola_store_survey *s)
{
    if (s->versioning && !s->lifecycle) {
        printf("\nwarning: the bucket keeps old versions and no lifecycle rule removes them: what "
               "mola deletes is paid for for ever. Turn versioning off, or let noncurrent versions "
               "expire.\n");
    }
    if (s->object_lock) {
        printf("\nwarning: the bucket has Object Lock: what is under it cannot be deleted, so "
               "garbage stays.\n");
    }
    if (s->skew_s > skew_max_s || s->skew_s < -skew_max_s) {
        printf(
            "\nwarning: the clocks of this machine and of the store are %lld s apart. mola signs "
            "with the store's time once it is told so, and no rule of it reads a clock; but other "
            "programs may mind.\n",
            (long long)s->skew_s);
    }
}

static int examine(doctor *d)
{
    d->why = (mola_why){.len = 0};
    mola_err err = mola_store_open(d->env, mola_str_of(d->config.store), &d->store, &d->why);
    if (err)
        return err == MOLA_INVALID ? EXIT_BAD_ARGUMENTS : EXIT_UNSAFE;
    mola_arena_init(&d->arena, &d->heap, ARENA_BYTES);
    mola_ctx ctx = {.env = d->env,
                    .arena = &d->arena,
                    .why = &d->why,
                    .deadline_ns = mola_boot_ns(d->env) + patience_ns};
    err = mola_store_preflight(d->store, &ctx, &d->found);
    print_table(d);
    print_warnings(&d->found.survey);
    mola_arena_reset(&d->arena);
    mola_store_close(d->store);
    if (!err)
        printf("\nsafe: everything that mola needs of a store, and that can be tried, holds.\n");
    return err ? EXIT_UNSAFE : EXIT_SAFE;
}

int mola_doctor(int count, char **arguments)
{
    static doctor d;
    if (mola_config_read(count, arguments, &d.config, &d.why)) {
        (void)fprintf(stderr, "mola: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&d.why)));
        return EXIT_BAD_ARGUMENTS;
    }
    mola_heap_init(&d.heap, SIZE_MAX);
    d.env = mola_env_real(&d.heap, &d.metrics);
    if (!d.env)
        return EXIT_UNSAFE;
    d.env->log_level = MOLA_LOG_ERROR; /* the verdict says what a line of the log would */
    int status = examine(&d);
    if (d.why.len) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "mola: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&d.why)));
    }
    mola_env_real_free(d.env);
    return status;
}
