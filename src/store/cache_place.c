/* cache_place.c - the cache file: found or made, locked, given its room. */
#include "cache.h"
#include "mola/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 3072 };
typedef struct {
    char path[PATH_BYTES_MAX];
    char block[2 * MOLA_CACHE_PAGE], *page; /* `page` is aligned */
} scratch;

static mola_err refuse(mola_why *why, const char *what, const char *path, int error)
{
    return mola_fail(why, MOLA_INVALID, "cache directory %s: %s: %s", path, what,
                     strerrordesc_np(error));
}

/* --- Sizes --- */

static uint64_t file_bytes(uint32_t slot_count)
{
    return mola_cache_slot_place(slot_count, slot_count);
}

uint32_t mola_cache_slots_in(uint64_t bytes)
{
    /* Seven slots and their page of the index stand for each other. */
    static const uint64_t group = (uint64_t)MOLA_CACHE_RECORDS * MOLA_CACHE_SLOT + MOLA_CACHE_PAGE;
    static const uint64_t slots_max = UINT32_MAX / 8;
    uint64_t left = bytes > MOLA_CACHE_PAGE ? bytes - MOLA_CACHE_PAGE : 0;
    uint64_t rest = left % group;
    uint64_t slots = left / group * MOLA_CACHE_RECORDS +
                     (rest > MOLA_CACHE_PAGE ? (rest - MOLA_CACHE_PAGE) / MOLA_CACHE_SLOT : 0);
    return (uint32_t)(slots < slots_max ? slots : slots_max);
}

/* --- Directory and file --- */

/* mkdir -p. What is there already may stand below directories that are not ours to read. */
static bool make_directories(char *path)
{
    for (char *end = path + 1;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        char kept = *end;
        *end = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST || access(path, X_OK) == 0;
        *end = kept;
        if (!ok || kept == '\0')
            return ok;
    }
}

static int open_file(int directory)
{
    enum { HOW = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };
    int fd = openat(directory, "mola.cache", HOW | O_DIRECT, 0600);
    if (fd < 0 && errno == EINVAL) /* a file system without O_DIRECT */
        fd = openat(directory, "mola.cache", HOW, 0600);
    return fd;
}

static mola_err find_file(const mola_cache_config *config, char path[PATH_BYTES_MAX], int *fd,
                          mola_why *why)
{
    mola_str name = config->directory;
    if (name.len == 0 || name.len >= PATH_BYTES_MAX || memchr(name.data, '\0', name.len))
        return mola_fail(why, MOLA_INVALID, "cache directory: not a path");
    memcpy(path, name.data, name.len);
    path[name.len] = '\0';
    if (!make_directories(path))
        return refuse(why, "cannot be made", path, errno);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return refuse(why, "cannot be opened", path, errno);
    *fd = open_file(directory);
    int error = errno;
    (void)close(directory);
    struct stat status;
    if (*fd < 0 || fstat(*fd, &status) != 0)
        return refuse(why, "mola.cache", path, *fd < 0 ? error : errno);
    if (!S_ISREG(status.st_mode))
        return mola_fail(why, MOLA_INVALID, "cache directory %s: mola.cache is no file", path);
    return MOLA_OK;
}

/* Of the open file description, as the locks of the file: store: a dead process gives it back. */
static mola_err lock_file(int fd, const char *path, mola_why *why)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return MOLA_OK;
    if (errno == EAGAIN || errno == EACCES) {
        return mola_fail(why, MOLA_UNAVAILABLE, "cache directory %s: another process uses it",
                         path);
    }
    return refuse(why, "no locks on this file system", path, errno);
}

/* --- Header --- */

/* A disk with blocks above 4 KiB refuses such transfers past the page cache: then with it. */
static ssize_t with_fitting_flags(int fd, mola_cache_direction direction, char *page)
{
    for (;;) {
        ssize_t got = direction == MOLA_CACHE_READ ? pread(fd, page, MOLA_CACHE_PAGE, 0)
                                                   : pwrite(fd, page, MOLA_CACHE_PAGE, 0);
        int flags = got < 0 && errno == EINVAL ? fcntl(fd, F_GETFL) : 0;
        if (!(flags & O_DIRECT) || fcntl(fd, F_SETFL, flags & ~O_DIRECT) != 0)
            return got;
    }
}

static bool read_header(const mola_cache_config *config, int fd, scratch *s, mola_cache_header *out)
{
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_size > MOLA_CACHE_PAGE &&
           with_fitting_flags(fd, MOLA_CACHE_READ, s->page) == MOLA_CACHE_PAGE &&
           mola_cache_header_decode(s->page, out) && out->bytes_wanted == config->bytes &&
           out->slot_count > 0 && out->slot_count <= mola_cache_slots_in(config->bytes) &&
           (uint64_t)status.st_size == file_bytes(out->slot_count);
}

/* --- Room --- */

/* 0 or an errno. Without fallocate the file has holes, and a full disk is met by the writer. */
static int allocate(int fd, uint32_t slot_count)
{
    off_t bytes = (off_t)file_bytes(slot_count);
    if (ftruncate(fd, 0) != 0)
        return errno;
    int result;
    do {
        result = fallocate(fd, 0, 0, bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        result = ftruncate(fd, bytes);
    return result == 0 ? 0 : errno;
}

/* Three quarters of what is there, and of what was tried last: the disk may be shared. */
static uint32_t smaller(int fd, uint32_t slot_count)
{
    struct statvfs status;
    uint32_t less = (uint32_t)((uint64_t)slot_count * 3 / 4);
    if (ftruncate(fd, 0) != 0 || fstatvfs(fd, &status) != 0)
        return less;
    uint32_t room = mola_cache_slots_in((uint64_t)status.f_bavail * status.f_frsize / 4 * 3);
    return room < less ? room : less;
}

static mola_err make_file(const mola_cache_config *config, mola_cache_place *place, scratch *s,
                          mola_why *why)
{
    uint32_t slots = mola_cache_slots_in(config->bytes);
    if (slots == 0) {
        return mola_fail(why, MOLA_INVALID, "a cache needs at least %llu bytes",
                         (unsigned long long)file_bytes(1));
    }
    int error = 0;
    while (slots > 0 && (error = allocate(place->fd, slots)) != 0) {
        if (error != ENOSPC && error != EDQUOT && error != EFBIG)
            return refuse(why, "cannot allocate mola.cache", s->path, error);
        slots = smaller(place->fd, slots);
    }
    if (slots == 0)
        return mola_fail(why, MOLA_UNAVAILABLE, "cache directory %s: no room", s->path);
    place->header = (mola_cache_header){.bytes_wanted = config->bytes, .slot_count = slots};
    mola_chance(config->env, &place->header.seed, sizeof place->header.seed);
    mola_cache_header_encode(&place->header, s->page);
    if (with_fitting_flags(place->fd, MOLA_CACHE_WRITE, s->page) != MOLA_CACHE_PAGE)
        return refuse(why, "cannot write mola.cache", s->path, errno);
    place->fresh = true;
    return MOLA_OK;
}

static mola_err open_place(const mola_cache_config *config, mola_cache_place *place, scratch *s,
                           mola_why *why)
{
    mola_err err = find_file(config, s->path, &place->fd, why);
    if (!err)
        err = lock_file(place->fd, s->path, why);
    if (!err && !read_header(config, place->fd, s, &place->header))
        err = make_file(config, place, s, why);
    return err;
}

mola_err mola_cache_place_open(const mola_cache_config *config, mola_cache_place *out,
                               mola_why *why)
{
    *out = (mola_cache_place){.fd = -1};
    scratch *s = mola_alloc(config->env->heap, sizeof *s);
    if (!s)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for a cache");
    s->page =
        s->block + (MOLA_CACHE_PAGE - (uintptr_t)s->block % MOLA_CACHE_PAGE) % MOLA_CACHE_PAGE;
    mola_err err = open_place(config, out, s, why);
    if (err && out->fd >= 0)
        (void)close(out->fd);
    mola_free(config->env->heap, s, sizeof *s);
    return err;
}
