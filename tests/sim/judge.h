/* judge.h - the oracle: it sits inside the store and beside every client.
 *
 * The first accepted PUT of a log slot is the log. The judge decodes each entry, applies its rows
 * to a dumb table, applies the requests found in it to the same table in the dumbest way, and wants
 * the same result. Every answer that a client gets is held against that history: strict
 * serializability is a few comparisons, because every answer carries its position. */
#pragma once
#include "machine.h"
#include "mola/namespace/namespace.h"
#include "mola/write/write.h"

enum { NAMES = 3, DOCS = 6, CLIENTS_MAX = 32, ROWS = DOCS + CLIENTS_MAX, OPS_MAX = 1 << 13 };
extern const char *const sim_names[NAMES];

/* What one document looks like: `v` says which request wrote it, `w` is patched, `x` is inferred as
 * int or as string. */
typedef struct {
    bool exists, has_w;
    uint8_t x; /* 0 none, 1 int, 2 string */
    int64_t v, w;
} sim_row;

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

void judge_reset(void);
void judge_install(void); /* into the world */
sim_op *judge_op(op_kind kind, uint32_t name,
                 uint32_t client); /* a new request; its number is its `v` */
int64_t judge_op_number(const sim_op *op);
void judge_invoke(sim_op *op);
void judge_answer(sim_op *op, const mola_write_answer *answer);
/* A read: `view` NULL for "not found". newest: what judge_newest said when it began. */
uint64_t judge_newest(uint32_t name);
uint64_t judge_newest_at(uint32_t name, uint64_t at); /* the same, at an earlier time */
void judge_read(uint32_t name, const mola_view *view, uint64_t newest, uint64_t began_at);
/* An eventual read: newest_then is what judge_newest_at says for as long ago as the read may be
 * old. */
void judge_eventual(uint32_t name, const mola_view *view, uint64_t newest_then);
/* The end of a seed. Requests made after `healthy_at` must have been done or refused, but for a
 * few. */
void judge_final(uint64_t healthy_at);

/* Dead incarnations, for the sweeper: calls back with each nsid that nothing refers to. */
typedef struct {
    uint8_t nsid[16];
    uint32_t name;
    bool born, dead, swept;
    uint64_t cond_ver, begun_at, dead_at;
} sim_incarnation;
uint32_t judge_incarnations(sim_incarnation **out);
void judge_sweeping(bool on); /* deletions are allowed only while the sweeper runs */
void judge_mark(const uint8_t nsid[16],
                bool swept); /* dead for good; swept: its objects are gone */

bool judge_failed(void);
const char *judge_verdict(void);
typedef struct {
    uint64_t done, refused, failed, unknown, reads, absent_reads, eventual_reads, entries, births,
        deaths, swept, healthy, healthy_unclear;
} judge_counts;
judge_counts judge_totals(void);
