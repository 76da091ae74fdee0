/* namespace.h - a name, give me its newest view: reading by protocol section 5.
 *
 * The registry knows the names this node has met. Each has at most one held manifest and one view;
 * both only move forward (I14). Views are kept within a byte budget: the least recently used names
 * lose theirs first and replay them from the log when asked again. */
#pragma once
#include "mola/namespace/view.h"

typedef struct mola_namespaces mola_namespaces;
typedef struct {
    mola_env *env;          /* env->store holds the objects */
    mola_str org;           /* empty: the default organisation */
    size_t view_bytes_max;  /* budget of views and parts */
    size_t entry_bytes_max; /* a larger entry's rows go out of line; 0: 16 MiB */
    uint64_t fence_ns;      /* W of protocol I6: 60 s, a constant of format 1; tests set it for all
                               processes at once */
    /* Who is to learn of log that no segment holds yet. An indexer in this process: `unindexed` is
     * called with the view after every append, and after reading entries of others; it must not
     * block. Indexers elsewhere: `hints` leaves q/{nsid} for them (protocol section 8). */
    void (*unindexed)(void *of, mola_str name, const mola_view *view);
    void *unindexed_of;
    bool hints;
    bool pins; /* pinned namespaces are kept in memory */
} mola_namespaces_config;

mola_err mola_namespaces_open(const mola_namespaces_config *config,
                              mola_namespaces **out) MOLA_NODISCARD;
/* After the last request, and after its views were given back. */
void mola_namespaces_close(mola_namespaces *all);
/* Ends what happens in the background, and waits for it: from here on `unindexed` is called by
 * nobody but readers and writers. For whoever closes what that callback needs; no hint is put any
 * more. Once or more, before close. */
void mola_namespaces_rest(mola_namespaces *all);

typedef enum { MOLA_READ_STRONG, MOLA_READ_EVENTUAL } mola_consistency;
typedef struct {
    mola_consistency level;
    uint64_t
        staleness_ns; /* EVENTUAL: the view's last settled probe was sent no longer ago than this */
} mola_freshness;
enum { MOLA_STALENESS_SECONDS = 10 }; /* when an eventual read does not say */

/* The view a read at this moment must see; the caller owns one reference. `text` is a name:
 * mola_name_ok. MOLA_NOT_FOUND with "namespace '...' was not found"; MOLA_UNAVAILABLE,
 * MOLA_NO_MEMORY, MOLA_CORRUPT with words. */
mola_err mola_namespace_read(mola_ctx *ctx, mola_namespaces *all, mola_str text,
                             const mola_freshness *freshness, mola_view **out) MOLA_NODISCARD;

/* Makes a namespace cold on this node: caches in memory and on disk forget it. Errors as a strong
 * read. */
mola_err mola_namespace_purge(mola_ctx *ctx, mola_namespaces *all, mola_str text) MOLA_NODISCARD;

/* Pinning (reference 9.4, 9.5). Which namespaces are pinned is known by their states; pin/{name} in
 * the store says where to look, and how many there are. */
/* Before a namespace is pinned: leaves its marker. MOLA_OK also when there is no such namespace:
 * whoever writes the settings will say so. MOLA_INVALID: `most` are pinned already. */
mola_err mola_pin_reserve(mola_ctx *ctx, mola_namespaces *all, mola_str text,
                          uint64_t most) MOLA_NODISCARD;
/* Something was tried that may have left a marker too many. */
void mola_pin_reconsider(mola_namespaces *all, mola_str text);
/* A query on a pinned namespace took so much of so many slots. */
void mola_pin_used(mola_namespaces *all, mola_str text, uint64_t slot_ns);
typedef struct {
    bool warm;          /* all of it is in the memory of this node */
    uint64_t slot_ns;   /* what queries took within the last ... */
    uint64_t within_ns; /* ... so long; more than 0 */
} mola_pin_status;
mola_pin_status mola_pin_look(mola_namespaces *all, mola_str text, const mola_view *view);

/* The cached state of a name, whatever its age, for decoding ahead; NULL: none. One reference to
 * the caller. */
mola_state *mola_namespace_guess_state(mola_namespaces *all, mola_str text);

/* Live names in byte order, strictly after `after`, starting with `prefix`: at most `max`. *more:
 * there are further ones. Names in ctx->arena. */
mola_err mola_namespace_list(mola_ctx *ctx, mola_namespaces *all, mola_str prefix, mola_str after,
                             uint32_t max, mola_str **names, uint32_t *count,
                             bool *more) MOLA_NODISCARD;
