/* kill_sweep_shim.c - an LD_PRELOAD library that ends its program before the n-th call that changes
 * a file system, counted over all threads.
 *
 *   KILL_COUNTER=/abs/file KILL_AT=N LD_PRELOAD=kill_sweep_shim.so mola index --once ...
 *
 * strace counts for each thread alone, so a call that some thread makes early can never be its n-th
 * call and the first one too. The counter is a mapped file of 8 bytes, which must exist: it
 * outlives the program, so who runs it can see how far it got. KILL_AT 0 only counts. What io_uring
 * does is not seen here. */
#undef _FILE_OFFSET_BITS /* or the headers would give two functions one name */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The C library's own headers declare these with attributes of their own; the names are the point.
 */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static uint64_t *counter, last;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("KILL_COUNTER"), *at = getenv("KILL_AT");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)syscall(SYS_close, fd);
    if (map == MAP_FAILED)
        abort();
    last = at ? strtoull(at, NULL, 10) : 0;
    counter = map;
}

static void count(void)
{
    if (counter && __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST) == last)
        (void)syscall(SYS_kill, getpid(), SIGKILL);
}

/* Standard output and errors are no part of the store. */
static void count_bytes(int fd)
{
    if (fd > STDERR_FILENO)
        count();
}

static int open_at(int at, const char *path, int flags, va_list arguments)
{
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
    if (flags & (O_CREAT | O_TRUNC))
        count();
    return (int)syscall(SYS_openat, at, path, flags, mode);
}

#define OPEN(function)                                                                             \
    int function(const char *path, int flags, ...)                                                 \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        int fd = open_at(AT_FDCWD, path, flags, arguments);                                        \
        va_end(arguments);                                                                         \
        return fd;                                                                                 \
    }
#define OPENAT(function)                                                                           \
    int function(int at, const char *path, int flags, ...)                                         \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        int fd = open_at(at, path, flags, arguments);                                              \
        va_end(arguments);                                                                         \
        return fd;                                                                                 \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define COUNTED(result, function, declared, before, ...)                                           \
    result function declared                                                                       \
    {                                                                                              \
        before;                                                                                    \
        return (result)syscall(__VA_ARGS__);                                                       \
    }
COUNTED(int, mkdirat, (int at, const char *path, mode_t mode), count(), SYS_mkdirat, at, path, mode)
COUNTED(int, mkdir, (const char *path, mode_t mode), count(), SYS_mkdirat, AT_FDCWD, path, mode)
COUNTED(int, linkat, (int from, const char *source, int to, const char *target, int flags), count(),
        SYS_linkat, from, source, to, target, flags)
COUNTED(int, link, (const char *source, const char *target), count(), SYS_linkat, AT_FDCWD, source,
        AT_FDCWD, target, 0)
COUNTED(int, renameat2, (int from, const char *source, int to, const char *target, unsigned flags),
        count(), SYS_renameat2, from, source, to, target, flags)
COUNTED(int, renameat, (int from, const char *source, int to, const char *target), count(),
        SYS_renameat2, from, source, to, target, 0)
COUNTED(int, rename, (const char *source, const char *target), count(), SYS_renameat2, AT_FDCWD,
        source, AT_FDCWD, target, 0)
COUNTED(int, unlinkat, (int at, const char *path, int flags), count(), SYS_unlinkat, at, path,
        flags)
COUNTED(int, unlink, (const char *path), count(), SYS_unlinkat, AT_FDCWD, path, 0)
COUNTED(int, rmdir, (const char *path), count(), SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)
COUNTED(ssize_t, write, (int fd, const void *bytes, size_t len), count_bytes(fd), SYS_write, fd,
        bytes, len)
COUNTED(ssize_t, writev, (int fd, const struct iovec *parts, int n), count_bytes(fd), SYS_writev,
        fd, parts, n)
COUNTED(ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), count_bytes(fd),
        SYS_pwrite64, fd, bytes, len, at)
COUNTED(ssize_t, pwrite64, (int fd, const void *bytes, size_t len, off64_t at), count_bytes(fd),
        SYS_pwrite64, fd, bytes, len, at)
COUNTED(int, ftruncate, (int fd, off_t size), count(), SYS_ftruncate, fd, size)
COUNTED(int, ftruncate64, (int fd, off64_t size), count(), SYS_ftruncate, fd, size)
COUNTED(int, fallocate, (int fd, int mode, off_t at, off_t len), count(), SYS_fallocate, fd, mode,
        at, len)
COUNTED(int, fallocate64, (int fd, int mode, off64_t at, off64_t len), count(), SYS_fallocate, fd,
        mode, at, len)
COUNTED(int, fsync, (int fd), count(), SYS_fsync, fd)
COUNTED(int, fdatasync, (int fd), count(), SYS_fdatasync, fd)
