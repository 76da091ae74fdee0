/* sim.h - what the harness is made of: the limits of a seed, a node's engine, its clients. */
#pragma once
#include "judge.h"
#include "mola/index/index.h"
#include "mola/write/write.h"
#include "world.h"

#define SECONDS(n) ((uint64_t)(n)*MOLA_SECOND)
enum { WORKERS = 3, WRITERS = 3 };

/* What a seed is mostly about; its number says which. */
typedef enum {
    PROFILE_MIXED,   /* everything, at the pace of a bad day */
    PROFILE_MARGINS, /* of the fence: short W, the fastest and the slowest clocks, quick floors,
                        late copies, pauses about as long as W */
    PROFILE_BRIEF,  /* lives that end when they have begun, births that take long, eager sweepers */
    PROFILE_DAMAGE, /* ill paths: many answers to a node are lost or damaged */
    PROFILES
} sim_profile;

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
    bool crowd; /* all want the same name */
    bool lulls; /* now and then nobody writes: all of the log gets indexed and collected */
    sim_profile profile;
    bool intact; /* nothing damages bytes but ill paths */
    /* When the faults stop, the clients, the seed. */
    uint64_t heal_at, quiet_at, end_at;
    uint64_t pause_max, strike_ns; /* of the nemesis: the longest pause, and between two strikes */
    uint64_t deserted_at[NAMES];   /* then nobody writes to it any more */
    bool left_alive[NAMES];        /* else it is deleted then */
    uint64_t write_pause, idle_pause; /* of a writer: the longest, and now and then */
    uint64_t in_step_ns;              /* all writers begin at its multiples; 0: each as it likes */
    uint64_t staleness_ns;            /* of eventual reads */
    uint32_t eventual_share;          /* one of so many reads is eventual */
    /* indexing */
    bool hot;              /* collection as early as the rules allow */
    bool hints;            /* writers leave them */
    uint32_t indexers;     /* nodes that have one */
    uint64_t indexed_from; /* when they begin */
    mola_indexer_config indexer;
} sim_limits;
extern sim_limits limits;
extern const char *const sim_profiles[PROFILES]; /* their names */

/* Sets `limits`, and says what the store and its network do wrong. */
void sim_pick_limits(sim_profile profile, world_faults *faults, world_pace *pace);

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
void sim_watcher(void *unused);     /* looks at what the node knows */
void sim_slow_reader(void *client); /* keeps a view as long as its lease */
void sim_brancher(void *unused);    /* of a node that nothing happens to */
void sim_forker(void *client);      /* the production code makes branches */
void sim_boot(void *node);          /* starts the engine, the indexer, the clients */

/* Crashes, pauses, cuts, ill paths, clock steps, lulls: until the faults stop. */
typedef struct {
    uint64_t crashes, pauses, cuts, illnesses;
    uint32_t crash, pause, cut, ill, step; /* how often, relative */
} sim_nemesis;
extern sim_nemesis nemesis;
void sim_nemesis_begin(void);
