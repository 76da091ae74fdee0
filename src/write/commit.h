/* commit.h - one step of a commit group: protocol section 6. Blocks on the store; runs in the
 * executor, at most one step at a time for each name on this node, so two PUTs for one name are
 * never in flight. */
#pragma once
#include "mola/namespace/log.h"
#include "write/plan.h"

typedef struct {
    mola_env *env;
    mola_job *job;
    mola_name *name;
    uint64_t group_bytes_max, commit_ns_max;
    const mola_write_limits *limits;
    mola_write *first; /* members in arrival order; what the step leaves over is for the next one */
    mola_view *evaluated_on; /* the step's own: one reference */
    uint64_t put_ns;         /* boot clock, when the last PUT was sent; 0: none was */
    uint64_t granted_ns;     /* more time than a small write has: for bytes, and for documents */
    uint64_t settling_ns;    /* of its time; the step's own */
} mola_commit;

/* Evaluates members from `first` on, appends at most one entry, and answers the members it took. */
void mola_commit_step(mola_commit *commit);

/* Answers a member: frees what the writer holds for it and calls done(). */
void mola_write_finish(mola_write *write);
/* The same, with an error. */
void mola_write_fail(mola_write *write, mola_err err, mola_str words);
