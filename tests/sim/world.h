/* world.h - the object store of the simulation, with everything that real ones and their networks
 * do wrong.
 *
 * Assumed (protocol section 3): a GET after a completed PUT or DELETE sees it; conditional PUTs are
 * atomic. Injected: lost requests and answers, errors before and after the effect, 409, duplicate
 * delivery, PUTs that land up to a minute late, losers delivered again after the winner was
 * collected, torn and flipped bytes, stale LISTs, a node cut off. */
#pragma once
#include "machine.h"
#include "mola/store/store.h"

typedef struct { /* parts per million of requests, unless said otherwise */
    uint32_t drop_request, drop_answer, error_before, error_after, conflict, duplicate, zombie,
        replay, torn, flip, stale_list;
} world_faults;

typedef struct {
    const char *key; /* NUL-terminated */
    mola_str body;
    uint64_t tag; /* the ETag's number; +1 with every PUT */
} world_object;

void world_reset(const world_faults *faults, uint64_t timeout_ns);
void world_heal(void); /* no more faults; what is under way still lands */
uint64_t world_requests(void);
uint64_t world_faults_hit(void);

/* The store as one node sees it; on the node's heap. */
mola_store *world_store(sim_node *node);

/* The judge is told of every effect, before it happens. */
typedef struct {
    void (*put)(const char *key, mola_str body, const world_object *old);
    void (*deleted)(const char *key, const world_object *old);
} world_judge;
void world_set_judge(const world_judge *judge);

/* Direct access, for the harness's sweeper and the judge: no latency, no faults. */
const world_object *world_find(const char *key);
void world_delete_prefix(
    const char *prefix); /* as DELETEs; losers of those slots may be delivered again */
bool world_cas(const char *key, mola_str body, uint64_t tag); /* tag 0: if absent */
