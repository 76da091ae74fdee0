/* file.h - the file: driver: objects as files below one directory, safe for several processes of
 * one machine and across power cuts. Private to file*.c. The rules it keeps:
 *
 *   {root}/o/        objects, by file_path.c      {root}/lock/{00..3f}  locks, never unlinked
 *   {root}/tmp/      objects being written        {root}/FORMAT         version; written once
 *
 *   put    write tmp/{rand}, fsync it, link or rename it to its name, fsync the directory, answer
 *   seen   a key is reported only after its directory was fsynced behind its creation: what this
 *          process tells about cannot be taken back by a power cut while what follows from it stays
 *   error  before the link or rename: UNAVAILABLE; after it: UNKNOWN; a directory whose fsync
 * failed is not believed again until the store is opened anew
 *
 * Locks inside: one mola_lock (rank STORE) per table, held for lines. */
#pragma once
#include "driver.h"
#include "mola/base/ref.h"
#include <sys/stat.h>

/* --- Paths (file_path.c) --- */

enum { MOLA_FILE_NAME_BYTES_MAX = 200, MOLA_FILE_PATH_BYTES_MAX = 4096 };

typedef struct {
    size_t len;
    size_t name; /* where the last component begins; text[name - 1] is '/' unless name is 0 */
    char text[MOLA_FILE_PATH_BYTES_MAX]; /* relative to {root}/o, NUL-terminated */
} mola_file_path;

typedef enum {
    MOLA_FILE_OBJECT,    /* ends a key */
    MOLA_FILE_DIRECTORY, /* stands for a part and the '/' behind it */
    MOLA_FILE_CHUNK,     /* a directory: the first piece of a part that is too long for one name */
} mola_file_kind;

/* `key` is a valid key. One-to-one. */
void mola_file_path_of_key(bool fold_case, mola_str key, mola_file_path *out);
/* `prefix` is empty or a valid key and a '/'. The directory that all keys behind it live in. */
void mola_file_path_of_prefix(bool fold_case, mola_str prefix, mola_file_path *out);
static inline mola_str mola_file_path_directory(const mola_file_path *path)
{
    return (mola_str){path->text, path->name ? path->name - 1 : 0};
}
/* The bytes of the key that one name stands for, into `bytes`, without the '/' of a directory.
 * false: no name of ours. */
bool mola_file_name_decode(bool fold_case, mola_str name, mola_file_kind *kind,
                           char bytes[MOLA_FILE_NAME_BYTES_MAX], size_t *len);

/* --- Directories and what is durable in them (file_directory.c) --- */

typedef struct mola_file_directory mola_file_directory;
struct mola_file_directory {
    mola_ref ref;
    mola_file_directory *next; /* in its bucket */
    uint64_t used;             /* tick of the last use */
    int fd;
    bool poisoned;         /* an fsync failed: nothing about it is believed any more */
    bool syncing;          /* a thread is in fsync */
    uint64_t begun, ended; /* fsyncs; the last of those that ended was begun as number `ended` */
    mola_event synced;     /* signalled at the end of each */
    struct timespec synced_at; /* all names of this mtime and before are durable */
    size_t path_len;
    char path[]; /* relative to {root}/o */
};

enum {
    MOLA_FILE_BUCKETS = 64,
    MOLA_FILE_DIRECTORIES_MAX = 128, /* open at once, those in use and the poisoned not counted */
    MOLA_FILE_TAG_BYTES = 16,
    MOLA_FILE_TAGS = 16384, /* power of two */
};

typedef struct {
    mola_lock lock; /* guards all below and the fields of the directories */
    mola_file_directory *buckets[MOLA_FILE_BUCKETS];
    uint32_t count;
    uint64_t tick;
    uint8_t (*durable)[MOLA_FILE_TAG_BYTES]; /* tags of objects whose names are durable; a cache */
} mola_file_directories;

/* --- Locks (file_lock.c) --- */

enum { MOLA_FILE_LOCKS = 64 };
typedef struct {
    mola_lock lock; /* guards taken */
    mola_event given[MOLA_FILE_LOCKS];
    bool taken[MOLA_FILE_LOCKS]; /* by a thread of this process */
    int fd[MOLA_FILE_LOCKS];
} mola_file_locks;

/* --- The opened store --- */

typedef struct {
    mola_store store;
    mola_env *env;
    int root_fd, objects_fd, tmp_fd, lock_fd;
    bool fold_case;  /* this file system takes 'A' for 'a'; written down in FORMAT */
    bool hard_links; /* else renameat2(RENAME_NOREPLACE) creates */
    mola_file_directories directories;
    mola_file_locks locks;
} mola_file_store;

/* --- The place on disk (file_place.c) --- */

enum { MOLA_FILE_LOCATION_BYTES_MAX = 3072 };
typedef struct {
    char path[MOLA_FILE_LOCATION_BYTES_MAX];
    bool force; /* also on a network file system */
} mola_file_location;

/* Fills the descriptors and what was found out about the file system. INVALID with words; _close is
 * for the caller then, too. */
mola_err mola_file_place_open(mola_file_store *file, mola_file_location *where,
                              mola_why *why) MOLA_NODISCARD;
void mola_file_place_close(mola_file_store *file);

bool mola_file_directories_open(mola_file_store *file);
void mola_file_directories_close(mola_file_store *file);

typedef enum { MOLA_FILE_MUST_EXIST, MOLA_FILE_MAY_CREATE } mola_file_create;
/* A directory whose own name is durable up to the root. NOT_FOUND (MUST_EXIST only) or UNAVAILABLE;
 * nothing has happened then. Given back by _release. */
mola_err mola_file_directory_take(mola_file_store *file, mola_str path, mola_file_create create,
                                  mola_file_directory **out) MOLA_NODISCARD;
void mola_file_directory_release(mola_file_store *file, mola_file_directory *directory);
bool mola_file_directory_poisoned(mola_file_store *file, mola_file_directory *directory);
/* After a change of its names. Anything but OK: the change may or may not survive a power cut, and
 * the directory is poisoned. */
mola_err mola_file_directory_sync(mola_file_store *file,
                                  mola_file_directory *directory) MOLA_NODISCARD;
/* All names that were visible before the call are durable after it; costs an fsync only when the
 * directory has changed. UNAVAILABLE: they cannot be shown to be. */
mola_err mola_file_directory_confirm(mola_file_store *file,
                                     mola_file_directory *directory) MOLA_NODISCARD;

/* Is the object with this tag known to be durable under its name? */
bool mola_file_tag_known(mola_file_store *file, const mola_etag *tag);
void mola_file_tag_learn(mola_file_store *file, const mola_etag *tag);

mola_err mola_file_locks_open(mola_file_store *file, mola_why *why) MOLA_NODISCARD;
void mola_file_locks_close(mola_file_store *file);
/* Excludes all threads and processes that change a key of the same hash. UNAVAILABLE: the deadline
 * passed or the file system failed. */
mola_err mola_file_lock_take(mola_file_store *file, mola_ctx *ctx, mola_str key,
                             uint32_t *which) MOLA_NODISCARD;
void mola_file_lock_give(mola_file_store *file, uint32_t which);

/* --- Operations (file_get.c, file_put.c, file_list.c); results go to `op`, the outcome is returned
 * --- */

mola_err mola_file_get(mola_file_store *file, mola_ctx *ctx, mola_store_op *op) MOLA_NODISCARD;
mola_err mola_file_put(mola_file_store *file, mola_ctx *ctx, mola_store_op *op) MOLA_NODISCARD;
mola_err mola_file_delete(mola_file_store *file, mola_ctx *ctx, mola_str key) MOLA_NODISCARD;
mola_err mola_file_list(mola_file_store *file, mola_ctx *ctx, mola_store_op *op) MOLA_NODISCARD;

/* --- The trailer behind the bytes of an object (file_trailer.c) ---
 *    0 char[8] magic "MOLAOBJ1"    8 u8[16] tag, random for each put    24 u64 bytes before the
 * trailer 32 u8[24] reserved            56 u64 xxh3-64 of the 56 bytes before */
enum { MOLA_FILE_TRAILER_BYTES = 64 };
void mola_file_trailer_encode(const mola_etag *tag, uint64_t size,
                              uint8_t out[MOLA_FILE_TRAILER_BYTES]);
/* The tag and size of an opened object. CORRUPT: no whole trailer that fits the file. UNAVAILABLE:
 * it could not be read. */
mola_err mola_file_trailer_read(int fd, mola_etag *tag, uint64_t *size) MOLA_NODISCARD;
/* The same by path. NOT_FOUND as well. `*fd` is the opened object, -1 unless OK; close it. */
mola_err mola_file_object_open(mola_file_store *file, const mola_file_path *path, mola_etag *tag,
                               uint64_t *size, int *fd) MOLA_NODISCARD;
/* The object with this tag was seen under `path`: make sure that it stays. UNAVAILABLE if not. */
mola_err mola_file_object_confirm(mola_file_store *file, const mola_file_path *path,
                                  const mola_etag *tag) MOLA_NODISCARD;

/* One line for an operator: which call failed, and how; never a key. */
void mola_file_log(mola_file_store *file, const char *call, int error);
