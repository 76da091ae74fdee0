/* fsck_run.h - what the files of fsck share: one look at one name. */
#pragma once
#include "mola/format/key.h"
#include "mola/index/fsck.h"
#include "mola/namespace/publish.h"

typedef struct {
    mola_ctx *ctx;
    mola_namespaces *all;
    mola_str org;
    mola_str name;
    mola_buf *report;
    mola_fsck_totals *totals;

    const mola_manifest *m; /* of the name, as it was read */
    bool held;              /* there are holders of branches or copies */
    bool moved;             /* it was replaced too early for everything to be looked at */
    uint64_t log_last;      /* the newest entry there is */
    mola_buf payloads;      /* mola_payload_ref of the entries that were read */
} mola_fsck_run;

/* A line of the report about `object` (a key, or words), counted as damage. */
void mola_fsck_damage(mola_fsck_run *run, mola_str object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The words a decoder left, or the name of its error. */
void mola_fsck_bad(mola_fsck_run *run, mola_str object, mola_err err, const mola_why *why);

/* The whole object, 64-byte aligned, in the arena. *found false: it is missing or its bytes cannot
 * be had, and that was reported. Errors: the look cannot go on. */
mola_err mola_fsck_read(mola_fsck_run *run, mola_str key, mola_arena *arena, bool *found,
                        mola_str *bytes) MOLA_NODISCARD;
/* Runs one operation until it has an answer. MOLA_UNAVAILABLE with words. */
mola_err mola_fsck_ask(mola_fsck_run *run, mola_store_op *op, mola_arena *arena) MOLA_NODISCARD;

/* A context for what should take no more than a while: the caller's deadline may be far away. */
mola_ctx mola_fsck_hurry(const mola_fsck_run *run);

/* An error about bytes, which is a finding; the others end the look. */
static inline bool mola_fsck_is_finding(mola_err err)
{
    return err == MOLA_CORRUPT || err == MOLA_INVALID;
}

mola_err mola_fsck_segment(mola_fsck_run *run, uint32_t index) MOLA_NODISCARD;
mola_err mola_fsck_ids(mola_fsck_run *run, mola_name *name) MOLA_NODISCARD;
mola_err mola_fsck_log(mola_fsck_run *run) MOLA_NODISCARD;
mola_err mola_fsck_orphans(mola_fsck_run *run) MOLA_NODISCARD;
