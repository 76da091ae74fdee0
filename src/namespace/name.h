/* name.h - what this node knows about one name, shared by the files of namespace/.
 *
 * The rules are those of the protocol, section 4; the code that keeps each says its number:
 *   I1   draft.c (offer), log.c (append)       I2   publish.c                 I3, I6  hold.c
 * (settle) I5   draft.c (offer), log.c, birth.c       I8   birth.c, read.c           I12     log.c
 * (append), read.c (prove) I13  read.c (strong read)                  I14  hold.c (keep),
 * registry.c (install), catch_up.c (no byte unchecked)
 *
 * Locks: the registry's (rank REGISTRY) guards the table of names, their order of use and the
 * number of their users; each name's (rank NAMESPACE) guards what is known about it. Neither is
 * held across I/O. */
#pragma once
#include "mola/format/key.h"
#include "mola/format/manifest.h"
#include "mola/namespace/log.h"
#include "mola/namespace/publish.h"
#include "mola/store/store.h"
#include "namespace/pages.h"
#include "namespace/tail.h"

/* ns/{name} as one GET found it. Immutable, counted. */
struct mola_held {
    mola_ref ref;
    mola_heap *heap;
    mola_arena arena;       /* of the arrays of the manifest */
    mola_etag etag;         /* len 0: the key is absent */
    mola_manifest manifest; /* absent: a tombstone of version 0, epoch 0 */
};

/* Both clocks at one moment (I6). */
typedef struct {
    uint64_t boot_ns, wall_us;
} mola_moment;
mola_moment mola_moment_now(mola_env *env);

typedef struct { /* the last payload that was uploaded for a large change */
    bool valid;
    uint8_t nsid[16];
    mola_payload_ref ref;
} mola_upload;

/* Names that a thread of the registry is to look at: their hint is to be put (keeper.c), they are
 * pinned, were or may be (pins.c). */
typedef enum { MOLA_QUEUE_HINTS, MOLA_QUEUE_PINS, MOLA_QUEUES } mola_queue;

typedef struct { /* time that queries took, by minutes */
    uint64_t began_ns, now_ns, before_ns;
} mola_pin_use;

struct mola_name {
    mola_namespaces *all;
    mola_name *next; /* in its bucket; registry lock, as all down to `kept_ns` */
    mola_name *queue_next[MOLA_QUEUES];
    bool queued[MOLA_QUEUES];
    mola_name *newer, *older; /* by last use */
    uint32_t users;           /* open references */
    uint64_t used_ns;         /* boot clock */
    uint64_t kept_ns;         /* when the keeper last asked for its manifest */

    mola_lock lock;    /* guards all down to `shared_why` */
    mola_event probed; /* a probe has ended */
    mola_held *held;   /* the newest manifest ever received; NULL: none */
    bool have;         /* it is the hold: its GET was sent at `sent` */
    mola_moment sent;
    mola_view *view; /* the newest one; NULL: none, or evicted */
    bool at_tail;    /* catching up has once reached the end of the log with it */
    bool proved;     /* a settled probe sent at proved_ns saw nothing newer */
    uint64_t proved_ns;
    uint32_t found_last; /* entries of others that catching up found when it last found any */
    uint64_t probes_sent, probes_done; /* I13: at most one is in flight */
    uint32_t waiting;                  /* readers waiting for a probe */
    mola_err shared_err;               /* what the last probe came to */
    mola_view *shared_view;            /* kept while somebody waits */
    mola_why shared_why;

    uint8_t hinted_nsid[16]; /* lock, as the next ones: what the last hint was about */
    uint64_t hinted_indexed, hinted_bytes;
    bool pinned, warm;    /* lock: by the state of the view; all of its segments are in memory */
    uint64_t pin_ver;     /* lock: of the manifest that the pinner was told of last */
    mola_pin_use pin_use; /* lock */
    mola_upload upload;
    uint32_t lost_in_a_row; /* slots */
    uint32_t contest;       /* others write here: falls with each look that finds nothing of them */
    size_t len;
    char text[];
};
static inline mola_str mola_name_str(const mola_name *name)
{
    return (mola_str){name->text, name->len};
}

/* A heap over another one that has a limit of its own. */
typedef struct {
    mola_heap heap;
    mola_heap *parent;
    mola_metrics *metrics;
} mola_view_heap;

struct mola_namespaces {
    mola_env *env;
    mola_str org;
    uint64_t fence_ns; /* W */
    size_t entry_bytes_max;
    mola_view_heap views; /* views, parts, masks, images, pages: what the budget is about */
    mola_pages pages;     /* of segments, in memory */
    mola_lock lock;       /* guards what follows */
    mola_event
        changed; /* a name was used after a rest, or the registry closes, or the keeper ended */
    mola_name **buckets;
    uint32_t bucket_count, name_count;
    mola_name *newest, *oldest;
    bool closing, keeper_rests, keeper_ended;
    void (*unindexed)(void *of, mola_str name, const mola_view *view);
    void *unindexed_of;
    bool pins, pinner_ended;
    mola_event pin_changed;
    bool hints;
    mola_name *queues[MOLA_QUEUES];
};

/* ---- registry.c */
/* Puts the name on a queue if it is on none of that kind, and wakes who serves it. The registry's
 * lock is taken here, and held by who takes names off; NULL: there is none. A name that was taken
 * off is still in use. */
void mola_queue_add(mola_name *name, mola_queue queue, mola_event *served);
mola_name *mola_queue_take(mola_namespaces *all, mola_queue queue);
void mola_queue_drop(mola_namespaces *all, mola_queue queue); /* all of it */
/* Marks the name as used now. */
void mola_name_use(mola_name *name);
/* Makes room for whom memory was refused; `e` is zero before the first time. First it drops pages
 * of segments that nobody has pinned; where there are none, or that was of no use, the view of the
 * name that was used longest ago, but not that of `except` (NULL: any). Pages and views of pinned
 * namespaces come when no others are left. false: nothing is left that would help. */
typedef struct {
    uint32_t rounds[MOLA_PAGE_ORDERS];
} mola_eviction;
bool mola_evict_one(mola_namespaces *all, const mola_name *except, mola_eviction *e);
/* The same for whom no name is at hand: the views of incarnation `nsid` stay. */
bool mola_evict_beside(mola_namespaces *all, const uint8_t nsid[16], mola_eviction *e);
/* MOLA_NO_MEMORY with words. */
mola_err mola_fail_room(mola_name *name, mola_why *why);
/* Makes `view` the cached one if that is a step forward (I14). */
void mola_view_install(mola_name *name, mola_view *view, bool at_tail);
/* The cached view, one reference; NULL: none. */
mola_view *mola_view_cached(mola_name *name);
/* Forgets the view: the next request opens it anew. */
void mola_view_forget(mola_name *name);
static inline bool mola_same_nsid(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16) == 0;
}

/* Repeats `call` as long as it lacks memory and something else can be dropped. It ends although the
 * call may bring back the very pages that were dropped for it. */
#define MOLA_WITH_ROOM(name, err, call)                                                            \
    do {                                                                                           \
        mola_eviction mola_eviction_ = {0};                                                        \
        do                                                                                         \
            (err) = (call);                                                                        \
        while ((err) == MOLA_NO_MEMORY && mola_evict_one((name)->all, (name), &mola_eviction_));   \
    } while (0)

/* ---- ask.c: batches with an arena of their own, and the patience between attempts */
typedef struct {
    mola_ctx ctx; /* the caller's, but with `arena` and `why` */
    mola_arena arena;
    mola_why why; /* of the last attempt: words of one that was repeated mean nothing */
    mola_ctx *outer;
    uint32_t attempts;
} mola_ask;
void mola_ask_begin(mola_ask *ask, mola_ctx *outer);
/* Frees what was got. Gives `err` back, and its words to the caller. */
mola_err mola_ask_end(mola_ask *ask, mola_err err);
/* Backs off before another attempt. false: the deadline is over. */
bool mola_ask_again(mola_ask *ask);
void mola_ask_run(mola_ask *ask, mola_store_op *ops, size_t count);
/* The answer says nothing: ask again. */
bool mola_answer_missing(mola_err err);
/* Puts the name of the object before the words there are; counts and logs what is corrupt. */
mola_err mola_fail_object(mola_ctx *ctx, mola_err err, mola_str key);
/* MOLA_UNAVAILABLE in words, for a deadline that is over. */
mola_err mola_fail_late(mola_ctx *ctx);
/* GETs until each is answered (OK or NOT_FOUND). Other errors of the first operation that has one.
 */
mola_err mola_ask_get(mola_ask *ask, mola_store_op *ops, size_t count);

/* ---- hold.c */
/* Reads ns/{name} by a GET sent after this call began, and keeps it. MOLA_UNAVAILABLE;
 * MOLA_CORRUPT; MOLA_INVALID: it needs a newer mola. */
mola_err mola_hold_refresh(mola_ctx *ctx, mola_name *name) MOLA_NODISCARD;
/* The hold, one reference; NULL: none. */
mola_held *mola_hold_get(mola_name *name);
mola_held *mola_hold_get_sent(mola_name *name, mola_moment *sent); /* and when it was asked for */
void mola_hold_drop(mola_name *name);
/* The hold may still be relied on for an answer processed now (I6b). Takes the lock. */
bool mola_hold_is_fresh(mola_name *name);
/* May an answer about slot `seq` of `nsid`, processed at `seen`, be believed? (I3, I6) */
bool mola_hold_settle(mola_ctx *ctx, mola_name *name, const uint8_t nsid[16], uint64_t seq,
                      mola_moment seen) MOLA_NODISCARD;
/* The log that slot `seq` stands in. */
const uint8_t *mola_log_owner(const mola_manifest *manifest, uint64_t seq);

/* A GET of ns/{name} as one operation of a batch: prepare just before the batch is sent, absorb its
 * answer. */
typedef struct {
    mola_key key;
    mola_held *known; /* whose ETag was sent along; NULL: none */
    mola_moment sent;
} mola_hold_ask;
void mola_hold_prepare(mola_name *name, mola_hold_ask *ask, mola_store_op *op);
/* MOLA_CONFLICT: older than what is known, ask again (I14). Ends the ask. */
mola_err mola_hold_absorb(mola_ctx *ctx, mola_name *name, mola_hold_ask *ask,
                          const mola_store_op *op) MOLA_NODISCARD;

/* What the answer to a GET of ns/{name} says; an absent name reads as a tombstone of version 0. */
mola_err mola_held_of(mola_name *name, const mola_store_op *op, mola_held **out,
                      mola_why *why) MOLA_NODISCARD;
/* The same for a manifest that this node has written, by a PUT first sent at `sent`: any later one
 * was written after that, so the fence may count from there as from the sending of a GET. */
void mola_hold_keep_written(mola_name *name, mola_held *held, mola_moment sent);
/* Lets the node know of a manifest it has written. It is no hold: nothing is settled by it. */
void mola_hold_learn(mola_name *name, mola_held *held);
/* Reads ns/{name} without touching the hold: for reading back a CAS. One reference. */
mola_err mola_held_read(mola_ctx *ctx, mola_name *name, mola_held **out) MOLA_NODISCARD;

/* ---- catch_up.c */
/* One decoded entry and the memory it stands in. */
typedef struct {
    mola_entry entry;
    mola_image image, payload;
} mola_record;
/* Decodes a copy of `bytes`, entry `seq` of `nsid`. */
mola_err mola_record_decode(mola_name *name, mola_str bytes, const uint8_t nsid[16], uint64_t seq,
                            mola_record *out, mola_why *why) MOLA_NODISCARD;
mola_err mola_record_add_payload(mola_name *name, mola_record *record, mola_str bytes,
                                 mola_why *why) MOLA_NODISCARD;
void mola_record_free(mola_record *record);
/* Applying millions of rows takes longer than a store may take to answer, and does not take from
 * the time for that: while they are applied the deadline is later by so much, and afterwards by
 * what of it was needed. */
enum { MOLA_APPLIED_A_SECOND = 50000 }; /* rows, at the least */
typedef struct {
    uint64_t began_ns, deadline_ns, most_ns;
} mola_applying;
mola_applying mola_applying_begin(mola_ctx *ctx, const mola_rows *rows);
void mola_applying_end(mola_ctx *ctx, const mola_applying *applying);
/* The view after the record, which is used up. `known` as in mola_view_apply. */
mola_err mola_record_apply(mola_ctx *ctx, mola_name *name, const mola_view *on, mola_record *record,
                           const mola_known *known, mola_view **out) MOLA_NODISCARD;

/* ---- open.c: from a manifest to a view */
/* The cached view of the held incarnation, if it has the segments of the manifest; else a new one
 * at its indexed_seq, whose segments are yet to be read (`opening`): it is of no use before it was
 * caught up. MOLA_NOT_FOUND: a tombstone is held. MOLA_CONFLICT: there is no hold. */
mola_err mola_view_open(mola_ctx *ctx, mola_name *name, mola_view **out) MOLA_NODISCARD;
/* Brings the cached view, if there is one, over to the segments of the held manifest. A failure
 * changes nothing: the next read does it. */
void mola_view_follow(mola_ctx *ctx, mola_name *name);
/* Such a view of a manifest. `known`: a view of the incarnation whose parts may serve; NULL: none.
 */
mola_err mola_opening_begin(mola_name *name, mola_held *held, uint64_t leased_until_ns,
                            const mola_view *known, mola_view **out, mola_why *why) MOLA_NODISCARD;
/* The GETs that opening needs, into `ops` (room for mola_opening_ops_max); gives their number. */
size_t mola_opening_ops_max(const mola_view *view);
size_t mola_opening_ops(mola_name *name, const mola_view *view, mola_store_op *ops);
/* Opens the segments from the answers (each OK or NOT_FOUND). MOLA_CONFLICT: one of them is gone.
 */
mola_err mola_opening_finish(mola_ask *ask, mola_name *name, mola_view *view) MOLA_NODISCARD;
typedef struct mola_opening mola_opening;
void mola_opening_free(mola_opening *opening);      /* NULL: nothing to do */
uint64_t mola_lease_ns(const mola_namespaces *all); /* L of I7 */

/* Reads the log from the view's end until a slot is absent or a SEAL was read. *view is replaced
 * and installed. MOLA_CONFLICT: restart, the log was collected or the incarnation is over. */
mola_err mola_catch_up(mola_ctx *ctx, mola_name *name, mola_view **view) MOLA_NODISCARD;

/* ---- read.c */
mola_err mola_strong_read(mola_ctx *ctx, mola_name *name, mola_view **out) MOLA_NODISCARD;
/* ---- publish.c: the only writer of ns/{name} */
typedef enum {
    MOLA_CAS_OK,
    MOLA_CAS_LOST,  /* another's manifest stands at this version: lost for ever */
    MOLA_CAS_MOVED, /* a later one stands there; this one may have been in between */
    MOLA_CAS_UNKNOWN,
    MOLA_CAS_NOT_WRITTEN
} mola_cas;
/* I2: puts `next`, of version old + 1, where `old` stands, and fills in its commit_id. *out (may be
 * NULL) is it as it stands there: one reference when MOLA_CAS_OK, but NULL when it could not be
 * read back for lack of memory. */
mola_cas mola_manifest_put(mola_ctx *ctx, mola_name *name, const mola_held *old,
                           mola_manifest *next, mola_held **out);
/* ---- birth.c */
/* Puts the first manifest of an incarnation, the commit point of its birth. MOLA_CONFLICT: somebody
 * else was born under the name, and this one never will be; MOLA_UNAVAILABLE: definite;
 * MOLA_UNKNOWN. The hold of the name is that manifest then, or none. */
mola_err mola_birth(mola_ctx *ctx, mola_name *name, const mola_held *old,
                    mola_manifest *born) MOLA_NODISCARD;
/* Section 2: who does not know all of a manifest must not publish over it. MOLA_UNAVAILABLE. */
mola_err mola_fail_newer(mola_ctx *ctx, const mola_name *name);
void mola_finish_deletion(mola_ctx *ctx, mola_name *name, const uint8_t nsid[16]);
/* ---- keeper.c: refreshes the holds of names in use; runs until the registry closes */
void mola_keeper_run(void *argument);
/* ---- hint.c: who is to index what was appended */
void mola_hint_appended(mola_name *name, const mola_view *view);
/* Others' entries were read: an indexer in this process may not know of them. */
void mola_hint_read(mola_name *name, const mola_view *view);
/* Puts the hints that wait; the registry's lock is held before and after, not meanwhile. */
void mola_hint_put(mola_namespaces *all);
/* ---- pins.c: keeps pinned namespaces in memory; runs until the registry closes */
void mola_pins_run(void *argument);
/* A view has become the name's, the first one for a while or not; the lock is held. true: the
 * pinner has something to do. */
bool mola_pin_follow(mola_name *name, const mola_view *view, bool is_first);
void mola_pin_notice(mola_name *name); /* for it, without that lock */
/* ---- draft.c: an entry of ours, from encoding to the slot */
typedef enum {
    MOLA_SLOT_OURS,
    MOLA_SLOT_THEIRS,
    MOLA_SLOT_NOT_WRITTEN,
    MOLA_SLOT_UNKNOWN
} mola_slot;
typedef struct {
    mola_name *name;
    mola_entry entry;
    mola_buf image, payload; /* payload: empty unless the entry is LARGE */
    mola_view *next;         /* the view with it */
} mola_draft;
enum { MOLA_PAYLOAD_DISTANCE_MAX = 1024 }; /* slots between an entry and the base of its payload */

/* Encodes `change` as entry on->seq + 1 and makes the view it leads to. MOLA_NO_MEMORY with words.
 * Freed by mola_draft_free in any case. */
mola_err mola_draft_make(mola_ctx *ctx, mola_name *name, const mola_view *on,
                         const mola_change *change, mola_draft *out) MOLA_NODISCARD;
/* The same for the first entry of an incarnation, whose birth is conditional on version `cond_ver`
 * of ns/{name}. A change too large for one entry is left out, and *left_out set. */
mola_err mola_draft_make_first(mola_ctx *ctx, mola_name *name, const mola_view *empty,
                               const mola_change *change, uint64_t cond_ver, mola_draft *out,
                               bool *left_out) MOLA_NODISCARD;
void mola_draft_free(mola_draft *draft);
/* Uploads the payload, if there is one. MOLA_UNAVAILABLE: not done. */
mola_err mola_draft_upload(mola_ask *ask, mola_draft *draft) MOLA_NODISCARD;
/* Offers it for its slot until the outcome is known (I5). THEIRS: *theirs is the winner. */
mola_slot mola_draft_offer(mola_ask *ask, mola_draft *draft, mola_record *theirs);
