/* judge.h - the oracle: it sits inside the store and beside every client.
 *
 * The first accepted PUT of a log slot is the log. The judge decodes each entry, applies its rows
 * to a dumb table, applies the requests found in it to the same table in the dumbest way, and wants
 * the same result. Every answer that a client gets is held against that history: strict
 * serializability is a few comparisons, because every answer carries its position.
 *
 * Every accepted manifest is decoded with all that it refers to: its segments hold exactly the rows
 * that the log left behind. Every DELETE is held against all that somebody may still need:
 * manifests, views within their lease, holds within their fence, children, incarnations on their
 * way to birth. */
#pragma once
#include "machine.h"
#include "mola/format/manifest.h"
#include "mola/namespace/namespace.h"
#include "mola/write/write.h"

enum { NAMES = 5, DOCS = 6, CLIENTS_MAX = 32, ROWS = DOCS + CLIENTS_MAX, OPS_MAX = 1 << 13 };
enum { PLAIN_NAMES = 3 }; /* those that clients create; the others are made by branching */
extern const char *const sim_names[NAMES];

/* What one document looks like: `v` says which request wrote it, `w` is patched, `x` is inferred as
 * int or as string. */
typedef struct {
    bool exists, has_w;
    uint8_t x; /* 0 none, 1 int, 2 string */
    int64_t v, w;
} sim_row;
/* Row of the table that a document id has; negative: nobody writes such an id. */
int sim_row_of(uint64_t id);

typedef enum {
    OP_WRITE,
    OP_READ_ONLY,
    OP_DELETE,
    OP_NOTHING /* patches what is never there */
} op_kind;
typedef enum { OUT_NONE, OUT_DONE, OUT_REFUSED, OUT_FAILED, OUT_UNKNOWN } op_outcome;
typedef struct {
    op_kind kind;
    uint32_t name, client;
    uint32_t upserts, patches, deletes; /* bit per document; disjoint */
    uint8_t x;                          /* carried by the marker row */
    bool read_only;                     /* OP_READ_ONLY: the value to set */
    bool must_exist;                    /* create_namespace: false */
    bool newer;    /* conditions: only over what older requests wrote, by their numbers */
    int64_t sweep; /* deletes by filter what requests before this one wrote; 0: does not */
    /* what became of it */
    op_outcome outcome;
    mola_err err;
    uint64_t invoked_at, done_at,
        newest_at_invoke; /* newest: position known to be acknowledged or seen */
    uint64_t patched;     /* rows_patched of the answer */
    uint64_t position;
    uint32_t landed;
    uint64_t landed_position;
} sim_op;

typedef struct {                 /* what the seed promises, and what it is held to */
    uint64_t fence_ns, lease_ns; /* W and L of the protocol */
    uint64_t healed_at;          /* no more faults from here on */
    uint64_t healthy_at;         /* requests made later must be done or refused, but for a few */
    uint64_t floor_age_us;       /* of a version before gc_floor may follow it; 0: any */
    /* At the end of the seed: within how long must ... (0: it need not) */
    uint64_t indexed_within_ns;   /* an entry be in a segment, a sealed name be buried */
    uint64_t floored_within_ns;   /* an entry be below the floor */
    uint64_t collected_within_ns; /* what stands below a floor be gone */
    uint64_t retired_within_ns;   /* rows leave RETIRED */
    uint64_t orphaned_within_ns;  /* what no version ever took up be gone */
    uint64_t swept_within_ns;     /* incarnations that are dead, or never will live, be gone */
} judge_rules;

void judge_reset(const judge_rules *rules);
void judge_install(void); /* into the world */
sim_op *judge_op(op_kind kind, uint32_t name,
                 uint32_t client); /* a new request; its number is its `v` */
int64_t judge_op_number(const sim_op *op);
void judge_invoke(sim_op *op);
void judge_answer(sim_op *op, const mola_write_answer *answer);
/* A read: `view` NULL for "not found", else with the rows that were read of it. newest: what
 * judge_newest said when it began. */
uint64_t judge_newest(uint32_t name);
uint64_t judge_newest_at(uint32_t name, uint64_t at); /* the same, at an earlier time */
void judge_read(uint32_t name, const mola_view *view, const sim_row rows[ROWS], uint64_t newest,
                uint64_t began_at);
/* An eventual read: newest_then is what judge_newest_at says for as long ago as the read may be
 * old. */
void judge_eventual(uint32_t name, const mola_view *view, const sim_row rows[ROWS],
                    uint64_t newest_then);
/* A branch is about to be made: its holders are durable, and it was read off `source`. Until the
 * child is born, or can be born no more, it needs what it borrows. */
void judge_borrow(uint32_t name, const uint8_t child[16], uint64_t cond_ver,
                  const mola_manifest *born);
/* What became of a branch that the production code was to make, as incarnation `child`. */
void judge_forked(const uint8_t child[16], mola_err err);
/* A read that began then has failed. */
void judge_unread(uint64_t began_at, mola_err err);
/* A view whose objects are gone, although its lease is not over. */
void judge_gone(uint32_t name, const mola_view *view);
/* The end of a seed. */
void judge_final(void);

bool judge_failed(void);
const char *judge_verdict(void);
/* Anything else that must not be; the first one counts. */
void judge_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
typedef struct {
    uint64_t done, refused, failed, unknown, reads, absent_reads, eventual_reads, entries, births,
        deaths, healthy, healthy_unclear, healthy_reads, healthy_unread, flushes, merges,
        collections, deleted_entries, deleted_objects, branches, forks;
} judge_counts;
judge_counts judge_totals(void);
