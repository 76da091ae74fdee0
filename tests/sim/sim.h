/* sim.h - what the harness is made of: the limits of a seed, a node's engine, its clients. */
#pragma once
#include "judge.h"
#include "mola/index/index.h"
#include "mola/write/write.h"

#define SECONDS(n) ((uint64_t)(n)*MOLA_SECOND)
enum { WORKERS = 3, WRITERS = 3 };
static const uint64_t SIM_HEAL_AT = SECONDS(80), SIM_QUIET_AT = SECONDS(110),
                      SIM_END_AT = SECONDS(220);

/* Limits that are met often in some seeds and never in others. */
typedef struct {
    size_t view_bytes_max, entry_bytes_max;
    uint64_t group_bytes_max;
    uint32_t waiting_max;
    uint64_t fence_ns, lease_ns, commit_ns_max;
    bool narrow;   /* one executor thread, and room for one job beside it */
    bool restless; /* names are deleted and made again all the time */
    bool calm;     /* names live long */
    bool branches;
    bool forks; /* some of them by the production code */
    bool storm; /* all for the margins of the fence: short W, quick floors, late copies */
    bool lulls; /* now and then nobody writes: all of the log gets indexed and collected */
    /* indexing */
    bool hot;              /* collection as early as the rules allow */
    bool hints;            /* writers leave them */
    uint32_t indexers;     /* nodes that have one */
    uint64_t indexed_from; /* when they begin */
    mola_indexer_config indexer;
} sim_limits;
extern sim_limits limits;

typedef struct {
    mola_namespaces *namespaces;
    mola_executor *executor;
    mola_writer *writer;
    mola_indexer *indexer; /* NULL: not on this node, or not yet */
} sim_engine;
sim_engine *sim_my_engine(void);

/* The seed is over, or has failed. */
bool sim_over(void);
uint32_t sim_pick_name(void);
/* Nobody begins to write in between. */
extern uint64_t sim_lull_from, sim_lull_until;

/* Fibers of a node; the argument: the client's number. */
typedef struct {
    sim_node *node;
    uint32_t index; /* names its marker row */
} sim_client;
void sim_writer(void *client);
void sim_admin(void *client);
void sim_reader(void *client);
void sim_slow_reader(void *client); /* keeps a view as long as its lease */
void sim_brancher(void *unused);    /* of a node that nothing happens to */
void sim_forker(void *client);      /* the production code makes branches */
void sim_boot(void *node);          /* starts the engine, the indexer, the clients */
