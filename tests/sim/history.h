/* history.h - what the judge knows: every incarnation of every name, entry by entry, and every
 * version of its manifest. Shared by the files of the judge. */
#pragma once
#include "judge.h"
#include "mola/format/entry.h"
#include "mola/format/manifest.h"
#include "world.h"

enum {
    INCARNATIONS_MAX = 512,
    SPANS_MAX = 1024,
    NEWS_MAX = 1 << 14,
    UNBORN_MAX = 64,
    SEQ_BITS = 32
};
enum { BORROWINGS_MAX = 64 };

/* One name after one entry. */
typedef struct {
    sim_row rows[ROWS];
    uint8_t x_type; /* 0 not inferred yet, 1 int, 2 string */
    bool read_only, sealed;
    mola_state *state; /* one reference */
    uint64_t chain, time_us, landed_at;
} truth;

typedef struct { /* a payload that an entry names */
    uint64_t base, rand, seq;
} named_payload;

typedef struct incarnation {
    uint8_t nsid[16];
    uint32_t name;
    bool born, over; /* over: ns/{name} has gone on */
    bool refused;    /* whoever was to make it was told that it was not made */
    bool was_held;   /* there was a holder at some time */
    uint64_t cond_ver, begun_at, over_at;
    uint64_t epoch, first_seq, tail; /* its log: entries first_seq..tail */
    struct incarnation *parent;      /* whose log has the entries before; NULL: there are none */
    uint32_t v_attr, w_attr, x_attr; /* attribute ids; 0: none yet */
    truth *at;                       /* [tail - first_seq + 1] */
    size_t room;
    struct { /* requests in entries of an incarnation that is not born yet: in the log only once it
                is */
        uint32_t op;
        uint64_t seq;
    } unborn[UNBORN_MAX];
    uint32_t unborn_count;
    named_payload *payloads;
    uint32_t payload_count;
} incarnation;

typedef struct {
    uint8_t owner[16];
    uint64_t base, rand;
    bool deletes; /* x/, else s/ */
} object_ref;

/* One accepted image of ns/{name}. */
typedef struct {
    uint64_t ver, accepted_at, replaced_at; /* MOLA_NEVER: it is the current one */
    bool deleted;
    uint8_t nsid[16];
    uint64_t epoch, indexed_seq, wal_floor, gc_floor;
    uint32_t lineage_count, needed_count, retired_count;
    mola_lineage *lineage;
    object_ref *needed, *retired; /* objects with keys of their own */
    uint64_t *retired_since;      /* when that row first stood there */
    /* The last moment at which a reader that got this image may still rely on it. */
    uint64_t leased_until, trusted_until;
} version;

typedef struct {
    version *versions; /* versions[i].ver is i + 1 */
    uint32_t version_count, version_room;
    uint64_t newest; /* highest position acknowledged or seen by anybody */
    struct {
        uint64_t at, newest;
    } news[NEWS_MAX]; /* how `newest` grew */
    uint32_t news_count;
    struct {
        uint64_t from, until;
    } absent[SPANS_MAX]; /* when the name did not exist */
    uint32_t spans;
} name_history;

typedef struct { /* a branch between its holders and its birth */
    uint32_t name;
    uint64_t cond_ver;
    version needs;
} borrowing;

typedef struct {
    judge_rules rules;
    incarnation all[INCARNATIONS_MAX];
    uint32_t count;
    name_history names[NAMES];
    sim_op ops[OPS_MAX];
    uint32_t op_count;
    borrowing borrowings[BORROWINGS_MAX];
    uint32_t borrowing_count;
    bool failed;
    char verdict[256];
    judge_counts counts;
    mola_heap heap;
} judge_history;
extern judge_history history;

/* ---- judge.c */
uint64_t history_position(uint64_t epoch, uint64_t seq);
void history_saw(uint32_t name, uint64_t position);
void history_begin_absence(uint32_t name);
void history_end_absence(uint32_t name);
incarnation *history_by_nsid(const uint8_t nsid[16]); /* NULL: none */
incarnation *history_by_epoch(uint32_t name, uint64_t epoch);
/* The name after entry `seq`; NULL: there is no such entry. */
truth *history_at(const incarnation *n, uint64_t seq);
/* What the request does to a table, in the dumbest way. Returns how many rows it patched. */
uint64_t history_apply(truth *t, const sim_op *op);
/* The first row in which the tables differ; ROWS: none. */
uint32_t history_compare(const sim_row a[ROWS], const sim_row b[ROWS]);
void *history_grow(void *array, uint32_t count, uint32_t *room, size_t size);

/* ---- judge_log.c */
void judge_entry(const uint8_t nsid[16], uint64_t seq, mola_str body, const world_object *old);
/* The request stands in the log of a living name. */
void judge_land(sim_op *op, uint64_t seq);
void judge_log_reset(void);

/* ---- judge_manifest.c */
void judge_manifest(uint32_t name, mola_str body, const world_object *old);
/* NULL: nobody ever wrote it. */
version *judge_current(uint32_t name);
version judge_take_version(const mola_manifest *m, const version *was);
void judge_free_version(version *v);
bool judge_needs(const version *v, const object_ref *ref);   /* in its table */
bool judge_retires(const version *v, const object_ref *ref); /* in RETIRED */
bool judge_needs_entry(const version *v, const uint8_t nsid[16], uint64_t seq);
bool judge_same_object(const object_ref *a, const object_ref *b);
void judge_manifest_reset(void);

/* ---- judge_segment.c: rows of a segment, decoded once */
typedef struct {
    uint32_t rows;
    uint8_t *index; /* row of the table */
    sim_row *cells;
    bool *dead; /* by the delete vector; of the last judge_segment_load */
} judge_segment;
/* Decodes all objects of segment `i` of the manifest, from the store or from the manifest itself.
 * NULL: violated. */
judge_segment *judge_segment_load(const incarnation *n, const mola_manifest *m, uint32_t i);
void judge_segment_reset(void);

/* ---- judge_objects.c: what comes and goes in the store */
typedef struct { /* of a key below d/ */
    uint8_t nsid[16];
    char folder;         /* w p s x r; 0: no such key */
    uint64_t seq;        /* w */
    uint64_t base, rand; /* p s x */
    const char *id;      /* r */
} judge_key;
judge_key judge_parse(const char *key);
/* It is on its way to birth, and may arrive. */
bool judge_may_be_born(uint32_t name, const uint8_t nsid[16], uint64_t cond_ver);
void judge_objects_reset(void);

/* ---- judge_garbage.c */
void judge_garbage(void); /* at the end of a seed: what should be gone by now */
