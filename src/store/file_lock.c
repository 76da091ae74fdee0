/* file_lock.c - one writer at a time for keys of one hash, among threads and processes.
 *
 * Among the threads of a process by `taken`; among processes by a lock of the open file description
 * (OFD): unlike POSIX locks they are not lost when some other descriptor of the file is closed, and
 * a process that dies gives its own back. */
#include "file.h"
#include "mola/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

/* Waiting for another process: asked again after so long, doubled each time up to the second. */
static const uint64_t pause_first_ns = MOLA_MILLISECOND / 8, pause_last_ns = 4 * MOLA_MILLISECOND;

static bool set_lock(int fd, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/* Polls instead of F_OFD_SETLKW: a stopped process that holds the lock must not take this thread
 * with it beyond the deadline of its request. */
static mola_err lock_file(mola_file_store *file, mola_ctx *ctx, int fd)
{
    for (uint64_t pause = pause_first_ns; !set_lock(fd, F_WRLCK);) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            mola_file_log(file, "lock", errno);
            return MOLA_UNAVAILABLE;
        }
        if (mola_store_late(ctx))
            return MOLA_UNAVAILABLE;
        mola_sleep_ns(ctx->env, pause);
        pause = pause * 2 < pause_last_ns ? pause * 2 : pause_last_ns;
    }
    return MOLA_OK;
}

static void give_thread(mola_file_locks *locks, uint32_t which)
{
    MOLA_LOCKED(&locks->lock);
    MOLA_ASSERT(locks->taken[which]);
    locks->taken[which] = false;
    mola_event_wake_one(&locks->given[which]);
}

mola_err mola_file_lock_take(mola_file_store *file, mola_ctx *ctx, mola_str key, uint32_t *which)
{
    mola_file_locks *locks = &file->locks;
    *which = (uint32_t)(XXH3_64bits(key.data, key.len) % MOLA_FILE_LOCKS);
    {
        MOLA_LOCKED(&locks->lock);
        while (locks->taken[*which]) {
            if (!mola_event_wait(&locks->given[*which], &locks->lock, ctx->deadline_ns))
                return MOLA_UNAVAILABLE;
        }
        locks->taken[*which] = true;
    }
    mola_err err = lock_file(file, ctx, locks->fd[*which]);
    if (err)
        give_thread(locks, *which);
    return err;
}

void mola_file_lock_give(mola_file_store *file, uint32_t which)
{
    if (!set_lock(file->locks.fd[which], F_UNLCK))
        mola_file_log(file, "unlock", errno);
    give_thread(&file->locks, which);
}

mola_err mola_file_locks_open(mola_file_store *file, mola_why *why)
{
    mola_file_locks *locks = &file->locks;
    mola_lock_init(&locks->lock, file->env, MOLA_RANK_STORE);
    for (int i = 0; i < MOLA_FILE_LOCKS; i++) {
        mola_event_init(&locks->given[i], file->env);
        locks->fd[i] = -1;
    }
    for (int i = 0; i < MOLA_FILE_LOCKS; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%02x", (unsigned)i);
        locks->fd[i] = openat(file->lock_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (locks->fd[i] < 0 || fcntl(locks->fd[i], F_OFD_GETLK, &asked) != 0) {
            mola_fail(why, MOLA_INVALID, "store file: no locks on this file system: %s",
                      strerrordesc_np(errno));
            mola_file_locks_close(file);
            return MOLA_INVALID;
        }
    }
    return MOLA_OK;
}

void mola_file_locks_close(mola_file_store *file)
{
    mola_file_locks *locks = &file->locks;
    for (int i = 0; i < MOLA_FILE_LOCKS; i++) {
        if (locks->fd[i] >= 0)
            (void)close(locks->fd[i]);
        mola_event_free(&locks->given[i]);
    }
    mola_lock_free(&locks->lock);
}
