/* dump_command.c - mola dump: any object of the store in words. */
#include "mola/format/dump.h"
#include "mola/store/store.h"
#include "start.h"
#include <stdio.h>

static mola_err read_object(mola_process *p, mola_arena *arena, mola_str key, mola_str *bytes)
{
    mola_ctx ctx = {.env = p->env, .arena = arena, .why = &p->why, .deadline_ns = MOLA_NEVER};
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    mola_store_run(p->env->store, &ctx, &op, 1);
    *bytes = op.bytes;
    if (op.err == MOLA_NOT_FOUND)
        return mola_fail(&p->why, op.err, "there is no object '%.*s'", MOLA_ARG(key));
    return op.err ? mola_fail(&p->why, op.err, "object '%.*s' cannot be read: %s", MOLA_ARG(key),
                              mola_err_name(op.err))
                  : MOLA_OK;
}

static int run(mola_process *p, mola_str key)
{
    mola_arena arena;
    mola_buf out;
    mola_str bytes;
    mola_arena_init(&arena, &p->heap, SIZE_MAX);
    mola_buf_init(&out, &p->heap);
    mola_err err = read_object(p, &arena, key, &bytes);
    if (!err)
        err = mola_dump_image(&p->heap, (mola_str){0}, key, bytes, &out, &p->why);
    (void)fwrite(out.data, 1, out.len, stdout);
    mola_buf_free(&out);
    mola_arena_reset(&arena);
    return err ? mola_process_failed(p, err) : EXIT_GOOD;
}

int mola_command_dump(int count, char **arguments)
{
    static mola_process p;
    int status;
    bool has_key = count && strncmp(arguments[0], "--", 2) != 0;
    if (!has_key && !(count == 1 && strcmp(arguments[0], "--help") == 0)) {
        (void)fputs("usage: mola dump KEY [--setting VALUE ...]\n", stderr);
        return EXIT_USAGE;
    }
    mola_str key = mola_str_of(arguments[0]);
    if (!mola_process_begin(&p, "dump KEY", count - has_key, arguments + has_key, &status))
        return status;
    status = run(&p, key);
    mola_process_end(&p);
    return status;
}
