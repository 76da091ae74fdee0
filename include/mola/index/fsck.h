/* fsck.h - is everything there, and is it what it should be? Reads every object that the manifests
 * refer to, whole, and looks for what nothing refers to. Changes nothing.
 *
 * It may run beside servers and indexers: a namespace that looked damaged while it changed is
 * looked at again. Memory: one object, the ids of one step, and 16 bytes a name. */
#pragma once
#include "mola/namespace/namespace.h"

typedef struct {
    uint64_t names, segments, rows; /* rows: live ones of segments */
    uint64_t entries;               /* of logs */
    uint64_t objects, bytes;        /* read and verified */
    uint64_t damaged;               /* findings that mean loss or corruption */
    uint64_t orphans;               /* objects that nothing refers to and nothing ever will */
    uint64_t young;                 /* that nothing refers to yet: being built, or left behind */
    uint64_t collectable;           /* below the floor, or retired: the collector's work */
    uint64_t nameless;              /* incarnations that no name refers to: dead, or unborn */
} mola_fsck_totals;

/* Looks at one name, or at all of them and at every incarnation (`name` empty). `report` gets a
 * line for each finding and one for each name; `totals` is added to. `all` and `org` belong
 * together. MOLA_OK: it went through, whatever it found. MOLA_NOT_FOUND: no such name.
 * MOLA_UNAVAILABLE, MOLA_NO_MEMORY: it could not go on. */
mola_err mola_fsck(mola_ctx *ctx, mola_namespaces *all, mola_str org, mola_str name,
                   mola_buf *report, mola_fsck_totals *totals) MOLA_NODISCARD;
