/* fsck_command.c - mola fsck: reads everything and says what is damaged; changes nothing. */
#include "mola/format/key.h"
#include "mola/index/fsck.h"
#include "start.h"
#include <stdio.h>

static void print_totals(const mola_fsck_totals *t)
{
    printf(
        "names %llu, segments %llu, rows %llu, log entries %llu; %llu objects of %llu bytes read\n"
        "damaged %llu, orphans %llu, young %llu, collectable %llu, nameless incarnations %llu\n",
        (unsigned long long)t->names, (unsigned long long)t->segments, (unsigned long long)t->rows,
        (unsigned long long)t->entries, (unsigned long long)t->objects,
        (unsigned long long)t->bytes, (unsigned long long)t->damaged,
        (unsigned long long)t->orphans, (unsigned long long)t->young,
        (unsigned long long)t->collectable, (unsigned long long)t->nameless);
}

static mola_err check(mola_process *p, mola_namespaces *all, mola_str name,
                      mola_fsck_totals *totals)
{
    mola_arena arena;
    mola_buf report;
    mola_arena_init(&arena, &p->heap, SIZE_MAX);
    mola_buf_init(&report, &p->heap);
    mola_ctx ctx = {.env = p->env, .arena = &arena, .why = &p->why, .deadline_ns = MOLA_NEVER};
    mola_err err = mola_fsck(&ctx, all, (mola_str){0}, name, &report, totals);
    (void)fwrite(report.data, 1, report.len, stdout);
    if (!err && report.failed)
        err = mola_fail(&p->why, MOLA_NO_MEMORY, "not enough memory for the report");
    mola_buf_free(&report);
    mola_arena_reset(&arena);
    return err;
}

static int run(mola_process *p, mola_str name)
{
    mola_namespaces *all;
    mola_namespaces_config config = {.env = p->env,
                                     .view_bytes_max = p->config.view_bytes_max,
                                     .fence_ns = p->config.fence_seconds * MOLA_SECOND};
    if (mola_namespaces_open(&config, &all)) {
        return mola_process_failed(
            p, mola_fail(&p->why, MOLA_NO_MEMORY, "cannot open the namespaces"));
    }
    mola_fsck_totals totals = {0};
    mola_err err = check(p, all, name, &totals);
    mola_namespaces_close(all);
    if (err)
        return mola_process_failed(p, err);
    print_totals(&totals);
    return totals.damaged ? EXIT_FAILED : EXIT_GOOD;
}

int mola_command_fsck(int count, char **arguments)
{
    static mola_process p;
    int status;
    mola_str name = {0};
    if (count && strncmp(arguments[0], "--", 2) != 0) {
        name = mola_str_of(arguments[0]);
        count--;
        arguments++;
    }
    if (!mola_process_begin(&p, "fsck [NAME]", count, arguments, &status))
        return status;
    if (name.len && !mola_name_ok(name)) {
        status = mola_process_failed(&p, mola_fail(&p.why, MOLA_INVALID,
                                                   "\"%.*s\" is not a name of a namespace",
                                                   MOLA_ARG(name)));
    } else {
        status = run(&p, name);
    }
    mola_process_end(&p);
    return status;
}
