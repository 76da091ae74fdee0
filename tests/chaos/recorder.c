/* recorder.c - an LD_PRELOAD library that writes down what a program does to one directory tree, so
 * that crash_states.py can rebuild every state in which a power cut could leave it.
 *
 *   MOLA_RECORD_ROOT=/abs/dir MOLA_RECORD_LOG=/abs/log LD_PRELOAD=librecorder.so mola serve ...
 *
 * MOLA_RECORD_SLOW_US makes each fsync slower by up to that much, now more, now less: one that
 * began later may end first, and what must not happen in between has time to.
 *
 * One line per call that succeeded, appended in the order of effects, also among processes:
 *   O ino                          the root                  M dir name ino        mkdir
 *   C dir name ino                 a file was created        L dir name ino        link
 *   R dir name dir name ino        rename                    U dir name            unlink, rmdir
 *   W ino offset bytes             write                     T ino size            truncate
 *   B id ino callers               fsync begins              E id / F id           ends, well or
 * not Names and bytes are in hexadecimal; callers are return addresses, `object+offset`, innermost
 * first. Other programs may append lines of their own (acknowledgements), which begin with A.
 *
 * Order: every call but fsync is made, and its line written, under one lock of all processes; so a
 * change that somebody has seen is in the log before anything that this somebody does next. An
 * fsync covers what stands above its B, once its E stands in the log. */
#undef _FILE_OFFSET_BITS /* or the headers would give two functions one name */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The C library's own headers declare these with attributes of their own; the names are the point.
 */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static char root[PATH_MAX];
static size_t root_len;
static int log_fd = -1;
static unsigned slow_us, chance;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static unsigned long fsyncs;

__attribute__((constructor)) static void start(void)
{
    const char *its_root = getenv("MOLA_RECORD_ROOT"), *its_log = getenv("MOLA_RECORD_LOG");
    const char *slow = getenv("MOLA_RECORD_SLOW_US");
    struct stat status;
    void *frame[1];
    (void)backtrace(frame, 1); /* its first call loads a library */
    if (!its_root || !its_log || !realpath(its_root, root) || stat(root, &status) != 0)
        return;
    slow_us = slow ? (unsigned)strtoul(slow, NULL, 10) : 0;
    chance = (unsigned)getpid();
    root_len = strlen(root);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, its_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                          0600);
    if (log_fd >= 0)
        (void)dprintf(log_fd, "O %lu\n", (unsigned long)status.st_ino);
}

static void must(bool ok)
{
    if (!ok) { /* a recording with a hole would prove what is not so */
        static const char words[] = "recorder: cannot record\n";
        (void)!syscall(SYS_write, 2, words, sizeof words - 1);
        abort();
    }
}

static void lock_order(void)
{
    must(pthread_mutex_lock(&order) == 0);
    while (flock(log_fd, LOCK_EX) != 0)
        must(errno == EINTR);
}

static void unlock_order(void)
{
    must(flock(log_fd, LOCK_UN) == 0);
    must(pthread_mutex_unlock(&order) == 0);
}

static void write_line(const char *text, size_t len)
{
    must(syscall(SYS_write, log_fd, text, len) == (long)len);
}

__attribute__((format(printf, 1, 2))) static void record(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    must(len > 0 && (size_t)len < sizeof line);
    write_line(line, (size_t)len);
}

static void to_hex(char *out, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = ((const unsigned char *)bytes)[i];
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * len] = '\0';
}

/* --- What a call is about --- */

static bool below_root(const char *path)
{
    return strncmp(path, root, root_len) == 0 && (path[root_len] == '/' || path[root_len] == '\0');
}

/* The inode behind a descriptor, or 0 when it is not in the tree. */
static unsigned long inode_of(int fd)
{
    char link[64], path[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = log_fd < 0 ? -1 : readlink(link, path, sizeof path - 1);
    struct stat status;
    if (len <= 0)
        return 0;
    path[len] = '\0';
    return below_root(path) && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

typedef struct {
    unsigned long directory, inode; /* 0: not in the tree; nothing there */
    char name[2 * NAME_MAX + 1];    /* in hexadecimal */
} place;

static place place_of(int at, const char *path)
{
    place found = {0};
    char parent[PATH_MAX], last[NAME_MAX + 1];
    size_t len = log_fd < 0 || !path ? 0 : strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t from = len;
    while (from > 0 && path[from - 1] != '/')
        from--;
    if (len == 0 || len - from > NAME_MAX || from + 2 >= sizeof parent)
        return found;
    memcpy(parent, from ? path : ".", from ? from : 1);
    parent[from ? from : 1] = '\0';
    memcpy(last, path + from, len - from);
    last[len - from] = '\0';
    int fd = (int)syscall(SYS_openat, at, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return found;
    struct stat status;
    found.directory = inode_of(fd);
    found.inode = fstatat(fd, last, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
    to_hex(found.name, last, len - from);
    (void)syscall(SYS_close, fd);
    return found;
}

/* --- Names --- */

static int open_file(int at, const char *path, int flags, mode_t mode)
{
    if (log_fd < 0 || !(flags & (O_CREAT | O_TRUNC)))
        return (int)syscall(SYS_openat, at, path, flags, mode);
    lock_order();
    place before = place_of(at, path);
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int error = errno;
    if (fd >= 0 && before.directory && !before.inode)
        record("C %lu %s %lu\n", before.directory, before.name, place_of(at, path).inode);
    else if (fd >= 0 && before.directory && (flags & O_TRUNC))
        record("T %lu 0\n", before.inode);
    unlock_order();
    errno = error;
    return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

#define OPEN(function)                                                                             \
    int function(const char *path, int flags, ...)                                                 \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = mode_of(flags, arguments);                                                   \
        va_end(arguments);                                                                         \
        return open_file(AT_FDCWD, path, flags, mode);                                             \
    }
#define OPENAT(function)                                                                           \
    int function(int at, const char *path, int flags, ...)                                         \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = mode_of(flags, arguments);                                                   \
        va_end(arguments);                                                                         \
        return open_file(at, path, flags, mode);                                                   \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int mkdirat(int at, const char *path, mode_t mode)
{
    if (log_fd < 0)
        return (int)syscall(SYS_mkdirat, at, path, mode);
    lock_order();
    int failed = (int)syscall(SYS_mkdirat, at, path, mode), error = errno;
    place made = failed ? (place){0} : place_of(at, path);
    if (made.directory)
        record("M %lu %s %lu\n", made.directory, made.name, made.inode);
    unlock_order();
    errno = error;
    return failed;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int linkat(int from, const char *source, int to, const char *target, int flags)
{
    if (log_fd < 0)
        return (int)syscall(SYS_linkat, from, source, to, target, flags);
    lock_order();
    int failed = (int)syscall(SYS_linkat, from, source, to, target, flags), error = errno;
    place made = failed ? (place){0} : place_of(to, target);
    if (made.directory)
        record("L %lu %s %lu\n", made.directory, made.name, made.inode);
    unlock_order();
    errno = error;
    return failed;
}

int link(const char *source, const char *target)
{
    return linkat(AT_FDCWD, source, AT_FDCWD, target, 0);
}

int renameat2(int from, const char *source, int to, const char *target, unsigned flags)
{
    if (log_fd < 0)
        return (int)syscall(SYS_renameat2, from, source, to, target, flags);
    lock_order();
    place old = place_of(from, source);
    int failed = (int)syscall(SYS_renameat2, from, source, to, target, flags), error = errno;
    place new = failed ? (place){0} : place_of(to, target);
    must(!(flags & RENAME_EXCHANGE));
    if (new.directory) {
        must(old.directory != 0);
        record("R %lu %s %lu %s %lu\n", old.directory, old.name, new.directory, new.name,
               new.inode);
    }
    unlock_order();
    errno = error;
    return failed;
}

int renameat(int from, const char *source, int to, const char *target)
{
    return renameat2(from, source, to, target, 0);
}

int rename(const char *source, const char *target)
{
    return renameat2(AT_FDCWD, source, AT_FDCWD, target, 0);
}

int unlinkat(int at, const char *path, int flags)
{
    if (log_fd < 0)
        return (int)syscall(SYS_unlinkat, at, path, flags);
    lock_order();
    place old = place_of(at, path);
    int failed = (int)syscall(SYS_unlinkat, at, path, flags), error = errno;
    if (!failed && old.directory)
        record("U %lu %s\n", old.directory, old.name);
    unlock_order();
    errno = error;
    return failed;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* --- Bytes --- */

static void record_bytes(unsigned long inode, off_t offset, const void *bytes, size_t len)
{
    char *line = malloc(2 * len + 64);
    must(line != NULL);
    int head = snprintf(line, 64, "W %lu %lld ", inode, (long long)offset);
    must(head > 0 && head < 64);
    to_hex(line + head, bytes, len);
    line[(size_t)head + 2 * len] = '\n';
    write_line(line, (size_t)head + 2 * len + 1);
    free(line);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    unsigned long inode = inode_of(fd);
    if (!inode)
        return syscall(SYS_writev, fd, parts, count);
    lock_order();
    ssize_t wrote = syscall(SYS_writev, fd, parts, count);
    int error = errno;
    off_t offset = wrote > 0 ? lseek(fd, 0, SEEK_CUR) - wrote : 0;
    for (ssize_t left = wrote; left > 0; parts++) {
        size_t len = (size_t)left < parts->iov_len ? (size_t)left : parts->iov_len;
        if (len)
            record_bytes(inode, offset, parts->iov_base, len);
        offset += (off_t)len;
        left -= (ssize_t)len;
    }
    unlock_order();
    errno = error;
    return wrote;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    unsigned long inode = inode_of(fd);
    if (!inode)
        return syscall(SYS_write, fd, bytes, len);
    lock_order();
    ssize_t wrote = syscall(SYS_write, fd, bytes, len);
    int error = errno;
    if (wrote > 0)
        record_bytes(inode, lseek(fd, 0, SEEK_CUR) - wrote, bytes, (size_t)wrote);
    unlock_order();
    errno = error;
    return wrote;
}

static ssize_t write_at(int fd, const void *bytes, size_t len, off_t offset)
{
    unsigned long inode = inode_of(fd);
    if (!inode)
        return syscall(SYS_pwrite64, fd, bytes, len, offset);
    lock_order();
    ssize_t wrote = syscall(SYS_pwrite64, fd, bytes, len, offset);
    int error = errno;
    if (wrote > 0)
        record_bytes(inode, offset, bytes, (size_t)wrote);
    unlock_order();
    errno = error;
    return wrote;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return write_at(fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    return write_at(fd, bytes, len, offset);
}

static int truncate_at(int fd, off_t size)
{
    unsigned long inode = inode_of(fd);
    if (!inode)
        return (int)syscall(SYS_ftruncate, fd, size);
    lock_order();
    int failed = (int)syscall(SYS_ftruncate, fd, size), error = errno;
    if (!failed)
        record("T %lu %lld\n", inode, (long long)size);
    unlock_order();
    errno = error;
    return failed;
}

int ftruncate(int fd, off_t size)
{
    return truncate_at(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_at(fd, size);
}

/* --- fsync --- */

static void add_callers(char *line, size_t room)
{
    void *frames[10];
    int count = backtrace(frames, 10);
    size_t len = strlen(line);
    for (int i = 2; i < count; i++) { /* from who called fsync on */
        Dl_info info;
        uintptr_t address = (uintptr_t)frames[i];
        if (!dladdr(frames[i], &info) || !info.dli_fname)
            continue;
        const char *object = strrchr(info.dli_fname, '/');
        int more = snprintf(line + len, room - len, " %s+%lx", object ? object + 1 : info.dli_fname,
                            (unsigned long)(address - (uintptr_t)info.dli_fbase));
        if (more < 0 || (size_t)more >= room - len)
            break;
        len += (size_t)more;
    }
    line[len] = '\0';
}

static __attribute__((noinline)) int sync_file(int fd, long number)
{
    unsigned long inode = inode_of(fd);
    if (!inode)
        return (int)syscall(number, fd);
    char line[1024];
    lock_order();
    unsigned long id = ++fsyncs;
    useconds_t pause = slow_us ? (useconds_t)rand_r(&chance) % slow_us : 0;
    (void)snprintf(line, sizeof line, "B %d.%lu %lu", (int)getpid(), id, inode);
    add_callers(line, sizeof line - 1);
    size_t len = strlen(line);
    line[len] = '\n';
    write_line(line, len + 1);
    unlock_order();
    if (pause)
        (void)usleep(pause);
    int failed = (int)syscall(number, fd), error = errno;
    lock_order();
    record("%c %d.%lu\n", failed ? 'F' : 'E', (int)getpid(), id);
    unlock_order();
    errno = error;
    return failed;
}

int fsync(int fd)
{
    int failed = sync_file(fd, SYS_fsync);
    __asm__ volatile(""); /* no tail call: add_callers counts on this frame */
    return failed;
}

int fdatasync(int fd)
{
    int failed = sync_file(fd, SYS_fdatasync);
    __asm__ volatile("");
    return failed;
}
