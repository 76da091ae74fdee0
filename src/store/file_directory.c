/* file_directory.c - open directories, and what is known to be durable in them.
 *
 * Two things are remembered, both only to spare an fsync. Per directory: the mtime up to which all
 * its names are durable. Per object: that its name is durable, by its tag, which no other put
 * repeats. */
#include "file.h"
#include "mola/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Time stamps of file systems tick: 4 ms on ext4, 1 s with its small inodes, 2 s on FAT. An mtime
 * that is younger than this may be shared by a change that is still to come. */
enum { TICK_US = 3 * 1000 * 1000 };

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool settled(mola_file_store *file, struct timespec mtime)
{
    if (mtime.tv_sec < 0)
        return false;
    uint64_t changed_us = (uint64_t)mtime.tv_sec * 1000000 + (uint64_t)mtime.tv_nsec / 1000;
    return mola_wall_us(file->env) > changed_us + TICK_US;
}

/* --- The table --- */

static mola_file_directory **bucket_of(mola_file_store *file, mola_str path)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ (unsigned char)path.data[i]) * 16777619U;
    return &file->directories.buckets[(hash ^ hash >> 16) % MOLA_FILE_BUCKETS];
}

static mola_str path_of(const mola_file_directory *directory)
{
    return (mola_str){directory->path, directory->path_len};
}

static void drop(mola_file_store *file, mola_file_directory *directory)
{
    if (!directory || !mola_ref_drop(&directory->ref))
        return;
    mola_event_free(&directory->synced);
    (void)close(directory->fd); /* opened for reading: there is nothing to lose */
    mola_free(file->env->heap, directory, sizeof *directory + directory->path_len);
}

/* A new reference, or NULL. The lock is held. */
static mola_file_directory *find_locked(mola_file_store *file, mola_str path)
{
    for (mola_file_directory *d = *bucket_of(file, path); d; d = d->next) {
        if (mola_str_eq(path_of(d), path)) {
            mola_ref_take(&d->ref);
            d->used = ++file->directories.tick;
            return d;
        }
    }
    return NULL;
}

static mola_file_directory *find(mola_file_store *file, mola_str path)
{
    MOLA_LOCKED(&file->directories.lock);
    return find_locked(file, path);
}

/* Takes the directory that was used the longest time ago out of the table. One that is in use or
 * poisoned stays: forgetting the poison would be believing the disk again. */
static mola_file_directory *evict_locked(mola_file_directories *table)
{
    mola_file_directory **oldest = NULL;
    for (size_t i = 0; i < MOLA_FILE_BUCKETS; i++) {
        for (mola_file_directory **d = &table->buckets[i]; *d; d = &(*d)->next) {
            if (atomic_load(&(*d)->ref.count) == 1 && !(*d)->poisoned &&
                (!oldest || (*d)->used < (*oldest)->used))
                oldest = d;
        }
    }
    if (!oldest)
        return NULL;
    mola_file_directory *victim = *oldest;
    *oldest = victim->next;
    table->count--;
    return victim;
}

/* Enters `fresh`, or drops it when another thread was faster; the answer is the one in the table.
 */
static mola_file_directory *enter(mola_file_store *file, mola_file_directory *fresh)
{
    mola_file_directories *table = &file->directories;
    mola_file_directory *victim = NULL, *first;
    {
        MOLA_LOCKED(&table->lock);
        first = find_locked(file, path_of(fresh));
        if (!first) {
            if (table->count >= MOLA_FILE_DIRECTORIES_MAX)
                victim = evict_locked(table);
            mola_file_directory **bucket = bucket_of(file, path_of(fresh));
            mola_ref_take(&fresh->ref); /* the table's */
            fresh->next = *bucket;
            fresh->used = ++table->tick;
            *bucket = fresh;
            table->count++;
        }
    }
    drop(file, victim);
    if (!first)
        return fresh;
    drop(file, fresh);
    return first;
}

static mola_file_directory *make(mola_file_store *file, mola_str path, int fd)
{
    mola_file_directory *directory = mola_alloc(file->env->heap, sizeof *directory + path.len);
    if (!directory) {
        (void)close(fd);
        return NULL;
    }
    mola_ref_init(&directory->ref);
    mola_event_init(&directory->synced, file->env);
    directory->fd = fd;
    directory->synced_at.tv_sec = -1; /* settled() lets no such time pass */
    directory->path_len = path.len;
    if (path.len)
        memcpy(directory->path, path.data, path.len);
    return directory;
}

/* --- Taking a directory --- */

static mola_err open_child(mola_file_store *file, int parent_fd, mola_str name,
                           mola_file_create create, int *fd)
{
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    char text[MOLA_FILE_NAME_BYTES_MAX + 8];
    MOLA_ASSERT(name.len < sizeof text);
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    *fd = openat(parent_fd, text, FLAGS);
    if (*fd < 0 && errno == ENOENT && create == MOLA_FILE_MAY_CREATE) {
        if (mkdirat(parent_fd, text, 0700) != 0 && errno != EEXIST) {
            mola_file_log(file, "mkdir", errno);
            return MOLA_UNAVAILABLE;
        }
        *fd = openat(parent_fd, text, FLAGS);
    }
    if (*fd >= 0)
        return MOLA_OK;
    if (errno == ENOENT && create == MOLA_FILE_MUST_EXIST)
        return MOLA_NOT_FOUND;
    mola_file_log(file, "open directory", errno);
    return MOLA_UNAVAILABLE;
}

/* Opens one directory below `parent`. It was seen before the parent is confirmed, so whoever made
 * it, its name is durable when this answers. */
static mola_err descend(mola_file_store *file, mola_file_directory *parent, mola_str path,
                        mola_file_create create, mola_file_directory **out)
{
    size_t behind = parent->path_len ? parent->path_len + 1 : 0;
    int fd;
    mola_err err = open_child(file, parent->fd, mola_str_from(path, behind), create, &fd);
    if (err)
        return err;
    mola_file_directory *fresh = make(file, path, fd);
    if (!fresh)
        return MOLA_UNAVAILABLE;
    err = mola_file_directory_confirm(file, parent);
    if (err) {
        drop(file, fresh);
    } else {
        *out = enter(file, fresh);
    }
    return err;
}

mola_err mola_file_directory_take(mola_file_store *file, mola_str path, mola_file_create create,
                                  mola_file_directory **out)
{
    *out = find(file, path);
    if (*out)
        return MOLA_OK;
    mola_file_directory *here = find(file, (mola_str){0}); /* the root never leaves the table */
    MOLA_ASSERT(here && path.len > 0);
    for (size_t until = 0; until < path.len;) {
        const char *slash = memchr(path.data + until + 1, '/', path.len - until - 1);
        until = slash ? (size_t)(slash - path.data) : path.len;
        mola_str part = {path.data, until};
        mola_file_directory *child = find(file, part);
        mola_err err = child ? MOLA_OK : descend(file, here, part, create, &child);
        drop(file, here);
        if (err)
            return err;
        here = child;
    }
    *out = here;
    return MOLA_OK;
}

void mola_file_directory_release(mola_file_store *file, mola_file_directory *directory)
{
    drop(file, directory);
}

bool mola_file_directory_poisoned(mola_file_store *file, mola_file_directory *directory)
{
    MOLA_LOCKED(&file->directories.lock);
    return directory->poisoned;
}

/* --- Durability of names --- */

/* Waits for an fsync that begins after this call, and runs it if nobody else does: those who wait
 * for the running one to end share the next. A descriptor reports a failure once, to one of its
 * users: so only one is in fsync at a time, and its verdict is everybody's. */
mola_err mola_file_directory_sync(mola_file_store *file, mola_file_directory *directory)
{
    mola_lock *lock = &file->directories.lock;
    MOLA_LOCKED(lock);
    uint64_t mine = directory->begun + 1;
    while (!directory->poisoned && directory->ended < mine) {
        if (directory->syncing) {
            (void)mola_event_wait(&directory->synced, lock, MOLA_NEVER);
            continue;
        }
        directory->syncing = true;
        uint64_t number = ++directory->begun;
        mola_lock_give(lock);
        int error = fsync(directory->fd) == 0 ? 0 : errno;
        if (error)
            mola_file_log(file, "fsync of a directory", error);
        mola_lock_take(lock);
        directory->syncing = false;
        /* A second fsync would say yes: the kernel has marked what it lost as clean. */
        directory->poisoned |= error != 0;
        directory->ended = number;
        mola_event_wake_all(&directory->synced);
    }
    return directory->poisoned ? MOLA_UNAVAILABLE : MOLA_OK;
}

mola_err mola_file_directory_confirm(mola_file_store *file, mola_file_directory *directory)
{
    struct stat before;
    if (fstat(directory->fd, &before) != 0) {
        mola_file_log(file, "stat of a directory", errno);
        return MOLA_UNAVAILABLE;
    }
    bool all_old =
        settled(file, before.st_mtim); /* before the fsync: a later name has a later mtime */
    {
        MOLA_LOCKED(&file->directories.lock);
        if (directory->poisoned)
            return MOLA_UNAVAILABLE;
        if (all_old && same_time(directory->synced_at, before.st_mtim))
            return MOLA_OK;
    }
    mola_err err = mola_file_directory_sync(file, directory);
    if (!err && all_old) {
        MOLA_LOCKED(&file->directories.lock);
        directory->synced_at = before.st_mtim;
    }
    return err;
}

static uint8_t *place_of(mola_file_store *file, const mola_etag *tag)
{
    uint32_t place;
    MOLA_ASSERT(tag->len == MOLA_FILE_TAG_BYTES);
    memcpy(&place, tag->bytes, sizeof place);
    return file->directories.durable[place % MOLA_FILE_TAGS];
}

bool mola_file_tag_known(mola_file_store *file, const mola_etag *tag)
{
    MOLA_LOCKED(&file->directories.lock);
    return memcmp(place_of(file, tag), tag->bytes, MOLA_FILE_TAG_BYTES) == 0;
}

void mola_file_tag_learn(mola_file_store *file, const mola_etag *tag)
{
    MOLA_LOCKED(&file->directories.lock);
    memcpy(place_of(file, tag), tag->bytes, MOLA_FILE_TAG_BYTES);
}

/* --- Open and close --- */

bool mola_file_directories_open(mola_file_store *file)
{
    mola_file_directories *table = &file->directories;
    mola_lock_init(&table->lock, file->env, MOLA_RANK_STORE);
    table->durable = mola_alloc(file->env->heap, MOLA_FILE_TAGS * sizeof *table->durable);
    int fd = fcntl(file->objects_fd, F_DUPFD_CLOEXEC, 0);
    mola_file_directory *root = fd < 0 ? NULL : make(file, (mola_str){0}, fd);
    if (!table->durable || !root) {
        if (root)
            drop(file, root);
        mola_file_directories_close(file);
        return false;
    }
    *bucket_of(file, (mola_str){0}) = root; /* with one reference more than anybody gives back */
    mola_ref_take(&root->ref);
    table->count = 1;
    return true;
}

void mola_file_directories_close(mola_file_store *file)
{
    mola_file_directories *table = &file->directories;
    for (size_t i = 0; i < MOLA_FILE_BUCKETS; i++) {
        while (table->buckets[i]) {
            mola_file_directory *d = table->buckets[i];
            table->buckets[i] = d->next;
            MOLA_ASSERT(atomic_load(&d->ref.count) == (d->path_len ? 1 : 2));
            if (!d->path_len)
                (void)mola_ref_drop(&d->ref);
            drop(file, d);
        }
    }
    mola_free(file->env->heap, table->durable, MOLA_FILE_TAGS * sizeof *table->durable);
    mola_lock_free(&table->lock);
}
