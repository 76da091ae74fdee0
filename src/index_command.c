/* index_command.c - mola index: indexes and collects for servers that do not. */
#include "start.h"

/* Takes `flag` out of the arguments. */
static bool take_flag(int *count, char **arguments, const char *flag)
{
    for (int i = 0; i < *count; i++) {
        if (strcmp(arguments[i], flag) != 0)
            continue;
        for (int next = i + 1; next < *count; next++)
            arguments[next - 1] = arguments[next];
        --*count;
        return true;
    }
    return false;
}

static mola_err run_once(mola_process *p, mola_indexer *indexer, int *status)
{
    mola_arena arena;
    mola_arena_init(&arena, &p->heap, SIZE_MAX);
    mola_ctx ctx = {.env = p->env, .arena = &arena, .why = &p->why, .deadline_ns = MOLA_NEVER};
    uint64_t failed = 0;
    mola_err err = mola_index_once(&ctx, indexer, &failed);
    mola_arena_reset(&arena);
    mola_log(p->env, MOLA_LOG_INFO, "indexed", "failed=%llu", (unsigned long long)failed);
    *status = failed ? EXIT_FAILED : EXIT_GOOD;
    return err;
}

int mola_command_index(int count, char **arguments)
{
    static mola_process p;
    int status;
    bool once = take_flag(&count, arguments, "--once");
    if (!mola_process_begin(&p, "index [--once]", count, arguments, &status))
        return status;
    mola_indexer_config config = mola_process_indexer(&p);
    mola_indexer *indexer;
    if (once)
        config.workers = 0; /* everything in this thread */
    mola_err err = mola_indexer_open(&config, &indexer, &p.why);
    if (err) {
        status = mola_process_failed(&p, err);
        mola_process_end(&p);
        return status;
    }
    if (once) {
        err = run_once(&p, indexer, &status);
    } else {
        mola_log(p.env, MOLA_LOG_INFO, "indexing", "workers=%u", config.workers);
        int number = mola_process_wait(&p);
        mola_log(p.env, MOLA_LOG_INFO, "stopping", "signal=%d", number);
        status = EXIT_GOOD;
    }
    if (err)
        status = mola_process_failed(&p, err);
    mola_indexer_close(indexer);
    mola_process_end(&p);
    return status;
}
