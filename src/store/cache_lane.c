/* cache_lane.c - I/O on the cache file: an io_uring with a registered buffer, or one pread or
 * pwrite after the other.
 *
 * Whoever took a lane submits and reaps in its own thread, so nothing of the ring is shared and no
 * thread stands between a query and its bytes. */
#include "cache.h"
#include "mola/base/check.h"
#include <errno.h>
#include <liburing.h>
#include <unistd.h>

struct mola_cache_lane {
    struct io_uring ring;
    bool plain;      /* no ring */
    bool registered; /* the buffer is known to the ring */
    bool failing;    /* the ring is to be closed as soon as nothing is in flight */
    int fd;
    uint32_t in_flight;
    char *block, *buffer; /* the buffer lies in the block at a multiple of the page size */
};
enum { BLOCK_BYTES = MOLA_CACHE_LANE_BYTES + MOLA_CACHE_PAGE };

/* --- Plain --- */

static ssize_t transfer(int fd, mola_cache_direction direction, char *bytes, size_t size,
                        uint64_t place)
{
    if (direction == MOLA_CACHE_READ)
        return pread(fd, bytes, size, (off_t)place);
    return pwrite(fd, bytes, size, (off_t)place);
}

static int run_plain(mola_cache_lane *lane, mola_cache_direction direction, const mola_cache_io *io)
{
    char *bytes = lane->buffer + io->at;
    for (size_t done = 0; done < io->size;) {
        ssize_t got =
            transfer(lane->fd, direction, bytes + done, io->size - done, io->place + done);
        if (got < 0 && errno != EINTR)
            return errno;
        if (got == 0)
            return ENODATA;
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* --- Ring --- */

static void prepare(mola_cache_lane *lane, mola_cache_direction direction, const mola_cache_io *io,
                    uint64_t number)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&lane->ring);
    MOLA_ASSERT(sqe); /* the ring is as deep as a batch may be long */
    void *bytes = lane->buffer + io->at;
    uint8_t verb = direction == MOLA_CACHE_READ ? IORING_OP_READ : IORING_OP_WRITE;
    if (lane->registered)
        verb = direction == MOLA_CACHE_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
    io_uring_prep_rw(verb, sqe, lane->fd, bytes, io->size, io->place);
    sqe->buf_index = 0; /* the one that is registered */
    io_uring_sqe_set_data64(sqe, number);
}

static bool passing(int error)
{
    return error == EINTR || error == EAGAIN || error == EBUSY;
}

/* 0 or an errno; how many went out is in in_flight. */
static int submit(mola_cache_lane *lane)
{
    uint32_t ready;
    for (uint32_t tries = 0; (ready = io_uring_sq_ready(&lane->ring)) > 0; tries++) {
        int sent = io_uring_submit(&lane->ring);
        lane->in_flight += ready - io_uring_sq_ready(&lane->ring);
        if (sent < 0 && (!passing(-sent) || tries > 2 * MOLA_CACHE_LANE_DEPTH))
            return -sent;
    }
    return 0;
}

/* A transfer that ended early met the end of the file, or a disk that is full. */
static void settle(mola_cache_io *io, mola_cache_direction direction, int result)
{
    io->error = result < 0 ? -result : 0;
    if (result >= 0 && (uint32_t)result < io->size)
        io->error = direction == MOLA_CACHE_READ ? ENODATA : ENOSPC;
}

static void close_ring(mola_cache_lane *lane)
{
    MOLA_ASSERT(lane->in_flight == 0);
    if (!lane->plain)
        io_uring_queue_exit(&lane->ring);
    lane->plain = true;
}

/* What has ended, without waiting. `ios` NULL: nobody wants to know how any more. */
static void reap(mola_cache_lane *lane, mola_cache_direction direction, mola_cache_io *ios)
{
    struct io_uring_cqe *cqe;
    while (lane->in_flight > 0 && io_uring_peek_cqe(&lane->ring, &cqe) == 0) {
        if (ios)
            settle(&ios[io_uring_cqe_get_data64(cqe)], direction, cqe->res);
        io_uring_cqe_seen(&lane->ring, cqe);
        lane->in_flight--;
    }
    if (lane->in_flight == 0 && lane->failing)
        close_ring(lane);
}

/* Until all have ended, or for a while. A ring that cannot wait still shows what has ended. */
static void wait_a_while(mola_cache_lane *lane, mola_env *env, uint64_t longest_ns)
{
    uint64_t longest = longest_ns < MOLA_SECOND ? longest_ns : MOLA_SECOND;
    struct __kernel_timespec limit = {.tv_sec = (int64_t)(longest / MOLA_SECOND),
                                      .tv_nsec = (long long)(longest % MOLA_SECOND)};
    struct io_uring_cqe *cqe;
    int error = -io_uring_wait_cqes(&lane->ring, &cqe, lane->in_flight, &limit, NULL);
    if (error <= 0 || error == ETIME || passing(error))
        return;
    lane->failing = true;
    mola_sleep_ns(env, longest < MOLA_MILLISECOND ? longest : MOLA_MILLISECOND);
}

static void wait_for_all(mola_cache_lane *lane, mola_env *env, mola_cache_direction direction,
                         mola_cache_io *ios, uint64_t deadline_ns)
{
    for (reap(lane, direction, ios); lane->in_flight > 0; reap(lane, direction, ios)) {
        uint64_t now = mola_boot_ns(env);
        if (now >= deadline_ns)
            return;
        wait_a_while(lane, env, deadline_ns - now);
    }
}

/* A ring that does not take a batch is not used again: what it did not take would go out with the
 * next one. */
static void run_ring(mola_cache_lane *lane, mola_env *env, mola_cache_direction direction,
                     mola_cache_io *ios, uint32_t count, uint64_t deadline_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        ios[i].error = ETIME;
        prepare(lane, direction, &ios[i], i);
    }
    int unsent = submit(lane);
    lane->failing |= unsent != 0;
    wait_for_all(lane, env, direction, ios, deadline_ns);
    for (uint32_t i = 0; i < count && unsent; i++) {
        if (ios[i].error == ETIME)
            ios[i].error = unsent;
    }
}

void mola_cache_lane_run(mola_cache_lane *lane, mola_env *env, mola_cache_direction direction,
                         mola_cache_io *ios, uint32_t count, uint64_t deadline_ns)
{
    MOLA_ASSERT(count > 0 && count <= MOLA_CACHE_LANE_DEPTH);
    MOLA_ASSERT(lane->in_flight == 0 && (lane->plain || !lane->failing));
    for (uint32_t i = 0; i < count; i++) {
        MOLA_ASSERT(ios[i].size > 0 && ios[i].at <= MOLA_CACHE_LANE_BYTES &&
                    ios[i].size <= MOLA_CACHE_LANE_BYTES - ios[i].at);
        MOLA_ASSERT((ios[i].place | ios[i].at | ios[i].size) % MOLA_CACHE_PAGE == 0);
    }
    if (!lane->plain) {
        run_ring(lane, env, direction, ios, count, deadline_ns);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        ios[i].error = run_plain(lane, direction, &ios[i]);
}

bool mola_cache_lane_idle(mola_cache_lane *lane)
{
    if (lane->in_flight > 0)
        reap(lane, MOLA_CACHE_READ, NULL);
    return lane->in_flight == 0;
}

/* --- Life --- */

bool mola_cache_lane_is_plain(const mola_cache_lane *lane)
{
    return lane->plain || lane->failing;
}

char *mola_cache_lane_buffer(mola_cache_lane *lane)
{
    return lane->buffer;
}

/* Waits with a time limit need IORING_FEAT_EXT_ARG (Linux 5.11). COOP_TASKRUN (5.19) spares the
 * interrupt of a thread that will look anyway. A buffer that may not be locked in memory is used
 * unregistered. */
static bool open_ring(mola_cache_lane *lane)
{
    int error = io_uring_queue_init(MOLA_CACHE_LANE_DEPTH, &lane->ring, IORING_SETUP_COOP_TASKRUN);
    if (error == -EINVAL)
        error = io_uring_queue_init(MOLA_CACHE_LANE_DEPTH, &lane->ring, 0);
    if (error != 0)
        return false;
    if (!(lane->ring.features & IORING_FEAT_EXT_ARG)) {
        io_uring_queue_exit(&lane->ring);
        return false;
    }
    struct iovec buffer = {lane->buffer, MOLA_CACHE_LANE_BYTES};
    lane->registered = io_uring_register_buffers(&lane->ring, &buffer, 1) == 0;
    return true;
}

mola_cache_lane *mola_cache_lane_open(mola_heap *heap, int fd, bool plain)
{
    mola_cache_lane *lane = mola_alloc(heap, sizeof *lane);
    char *block = mola_realloc(heap, NULL, 0, BLOCK_BYTES);
    if (!lane || !block) {
        mola_free(heap, lane, sizeof *lane);
        mola_free(heap, block, BLOCK_BYTES);
        return NULL;
    }
    lane->fd = fd;
    lane->block = block;
    lane->buffer = block + (MOLA_CACHE_PAGE - (uintptr_t)block % MOLA_CACHE_PAGE) % MOLA_CACHE_PAGE;
    lane->plain = plain || !open_ring(lane);
    return lane;
}

void mola_cache_lane_close(mola_cache_lane *lane, mola_env *env)
{
    if (!lane)
        return;
    if (lane->in_flight > 0) /* the kernel may still write into the buffer */
        wait_for_all(lane, env, MOLA_CACHE_READ, NULL, MOLA_NEVER);
    close_ring(lane);
    mola_free(env->heap, lane->block, BLOCK_BYTES);
    mola_free(env->heap, lane, sizeof *lane);
}
