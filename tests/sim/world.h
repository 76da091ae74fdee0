/* world.h - the object store of the simulation, with everything that real ones and their networks
 * do wrong.
 *
 * Assumed (protocol section 3): a GET after a completed PUT or DELETE sees it; conditional PUTs are
 * atomic. Injected: lost requests and answers, errors before and after the effect, 409, duplicate
 * delivery, PUTs and DELETEs that land up to a minute late, losers delivered again after the winner
 * was collected, torn and flipped bytes, stale LISTs, slow uploads, a node cut off or stopped just
 * when an answer arrives, or at the end of an ill path for a while, where answers are lost and
 * damaged. */
#pragma once
#include "machine.h"
#include "mola/format/key.h"
#include "mola/store/store.h"

typedef struct { /* parts per million of requests, unless said otherwise */
    uint32_t drop_request, drop_answer, error_before, error_after, conflict, duplicate, zombie,
        replay, torn, flip, stale_list, stop_at_answer, stall;
} world_faults;

typedef struct {
    uint32_t latency_permil; /* of that of a bad day */
    uint64_t timeout_ns;     /* of a request */
    uint64_t replay_ns;      /* until a PUT that has lost lands again, once its slot is empty */
    uint64_t upload_ns;      /* the longest that the bytes of a segment take; 0: no time */
    uint64_t pause_ns;       /* the longest that a node stops when an answer arrives */
    uint64_t stale_ns;       /* how much a LIST may miss */
} world_pace;

typedef struct {
    const char *key; /* NUL-terminated */
    mola_str body;
    uint64_t tag; /* the ETag's number; +1 with every PUT */
    uint64_t put_at;
} world_object;

void world_reset(const world_faults *faults, const world_pace *pace);
void world_heal(void); /* no more faults; what is under way still lands */
uint64_t world_requests(void);
uint64_t world_faults_hit(void);

/* The store as one node sees it; on the node's heap. */
mola_store *world_store(sim_node *node);

/* path.c: what an ill path makes of the bytes of an answer. Returns how many are left. */
size_t world_damage(char *bytes, size_t size);
uint64_t world_latency(void); /* of a bad day */

/* The judge is told of every effect before it happens, and of every GET and PUT when it is answered
 * what `node`, which sent it at `sent_at`, has seen: the object as it is now, or its absence. */
typedef struct {
    void (*put)(const char *key, mola_str body, const world_object *old);
    void (*deleted)(const char *key, const world_object *old);
    void (*got)(const char *key, const sim_node *node, uint64_t sent_at);
} world_judge;
void world_set_judge(const world_judge *judge);

/* Direct access, for the judge and for branches: no latency, no faults. */
const world_object *world_find(const char *key);
const world_object *world_find_key(mola_key key);
bool world_cas(mola_key key, mola_str body, uint64_t tag); /* tag 0: if absent */
void world_each(void (*visit)(const world_object *object, void *argument), void *argument);
