/* file_place.c - the place on disk: made when missing, judged before it is trusted. */
#include "file.h"
#include "mola/base/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { OPEN_DIRECTORY = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

static mola_err refuse(mola_why *why, const char *what, const char *place, int error)
{
    return mola_fail(why, MOLA_INVALID, "store file:%s: %s: %s", place, what,
                     strerrordesc_np(error));
}

/* --- Directories --- */

/* Also when it was there: whoever made it may not have come this far. */
static bool sync_parent(const char *path)
{
    char parent[MOLA_FILE_LOCATION_BYTES_MAX + 4];
    (void)snprintf(parent, sizeof parent, "%s/..", path);
    int fd = open(parent, OPEN_DIRECTORY);
    if (fd < 0)
        return errno == EACCES; /* not ours to make, so it was there before */
    bool ok = fsync(fd) == 0;
    (void)close(fd);
    return ok;
}

/* mkdir -p, each new name made durable in its parent. */
static bool make_directories(char *path)
{
    for (char *end = path + 1;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        char kept = *end;
        *end = '\0';
        bool made = mkdir(path, 0700) == 0;
        bool ok = made || errno == EEXIST || access(path, X_OK) == 0;
        if (ok && (made || kept == '\0'))
            ok = sync_parent(path);
        *end = kept;
        if (!ok || kept == '\0')
            return ok;
    }
}

static int open_below(int root_fd, const char *name)
{
    if (mkdirat(root_fd, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return openat(root_fd, name, OPEN_DIRECTORY | O_NOFOLLOW);
}

/* --- What the place must be able to do --- */

static bool is_network(long type)
{
    static const uint32_t types[] = {
        NFS_SUPER_MAGIC,
        SMB_SUPER_MAGIC,
        0xFF534D42 /* cifs */,
        0xFE534D42 /* smb2 */,
        V9FS_MAGIC,
        AFS_SUPER_MAGIC,
        CODA_SUPER_MAGIC,
        0x564c /* ncp */,
        0x00c36400 /* ceph */,
        0x0BD00BD0 /* lustre */,
        0x786f4256 /* vboxsf */,
        0x19830326 /* beegfs */,
        0x47504653 /* gpfs */,
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if ((uint32_t)type == types[i])
            return true;
    }
    return false;
}

typedef struct {
    char a[48], b[48]; /* two names in tmp/; upper(a) is a without folding another name */
} probe_names;

static void draw_names(mola_file_store *file, probe_names *out)
{
    uint64_t chance[2];
    mola_chance(file->env, chance, sizeof chance);
    (void)snprintf(out->a, sizeof out->a, "probe-%016llx-a", (unsigned long long)chance[0]);
    (void)snprintf(out->b, sizeof out->b, "probe-%016llx-b", (unsigned long long)chance[1]);
}

/* Leaves nothing behind but, at a crash, temporaries. */
static mola_err probe(mola_file_store *file, const char *place, bool *fold_case, mola_why *why)
{
    probe_names names;
    draw_names(file, &names);
    int fd = openat(file->tmp_fd, names.a, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(why, "cannot create files", place, errno);
    (void)close(fd);

    char shouted[sizeof names.a];
    memcpy(shouted, names.a, sizeof shouted);
    memcpy(shouted, "PROBE", 5);
    *fold_case = faccessat(file->tmp_fd, shouted, F_OK, 0) == 0;

    file->hard_links = linkat(file->tmp_fd, names.a, file->tmp_fd, names.b, 0) == 0;
    bool creates = file->hard_links;
    if (!creates) {
        creates = renameat2(file->tmp_fd, names.a, file->tmp_fd, names.b, RENAME_NOREPLACE) == 0;
        fd = openat(file->tmp_fd, names.a, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)close(fd);
        /* Some take the flag and ignore it. */
        creates = creates && fd >= 0 &&
                  renameat2(file->tmp_fd, names.a, file->tmp_fd, names.b, RENAME_NOREPLACE) != 0 &&
                  errno == EEXIST;
    }
    (void)unlinkat(file->tmp_fd, names.a, 0);
    (void)unlinkat(file->tmp_fd, names.b, 0);
    if (!creates) {
        return mola_fail(why, MOLA_INVALID,
                         "store file:%s: the file system has neither hard links nor "
                         "RENAME_NOREPLACE, so two writers could both win",
                         place);
    }
    return MOLA_OK;
}

/* --- FORMAT: the version, and what must not change when the directory is copied elsewhere --- */

static const char format_plain[] = "mola file store 1\nfold_case 0\n";
static const char format_folded[] = "mola file store 1\nfold_case 1\n";

/* MOLA_NOT_FOUND: none yet. */
static mola_err read_format(mola_file_store *file, const char *place, mola_why *why)
{
    int fd = openat(file->root_fd, "FORMAT", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? MOLA_NOT_FOUND : refuse(why, "FORMAT", place, errno);
    char text[64];
    ssize_t got = read(fd, text, sizeof text);
    (void)close(fd);
    mola_str found = {text, got > 0 ? (size_t)got : 0};
    file->fold_case = mola_str_eq(found, mola_str_of(format_folded));
    if (!file->fold_case && !mola_str_eq(found, mola_str_of(format_plain))) {
        return mola_fail(why, MOLA_INVALID,
                         "store file:%s: its FORMAT is not one this version of mola knows", place);
    }
    return MOLA_OK;
}

/* Two processes may be here at once: one links its FORMAT, both read that one. */
static mola_err write_format(mola_file_store *file, const char *place, bool fold_case,
                             mola_why *why)
{
    probe_names names;
    draw_names(file, &names);
    int fd = openat(file->tmp_fd, names.a, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(why, "cannot create files", place, errno);
    mola_str text = mola_str_of(fold_case ? format_folded : format_plain);
    ssize_t wrote = write(fd, text.data, text.len);
    bool ok = wrote == (ssize_t)text.len && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (ok) {
        ok = file->hard_links
                 ? linkat(file->tmp_fd, names.a, file->root_fd, "FORMAT", 0) == 0
                 : renameat2(file->tmp_fd, names.a, file->root_fd, "FORMAT", RENAME_NOREPLACE) == 0;
        ok = ok || errno == EEXIST;
    }
    int error = errno;
    (void)unlinkat(file->tmp_fd, names.a, 0);
    return ok ? read_format(file, place, why) : refuse(why, "cannot write FORMAT", place, error);
}

/* A directory without FORMAT must be empty but for what an interrupted start has left. */
static mola_err check_empty(mola_file_store *file, const char *place, mola_why *why)
{
    static const char *const expected[] = {".", "..", "o", "tmp", "lock", "lost+found"};
    char buffer[4096] __attribute__((aligned(16)));
    int fd = openat(file->root_fd, ".", OPEN_DIRECTORY);
    if (fd < 0)
        return refuse(why, "cannot be read", place, errno);
    ssize_t got;
    bool strange = false;
    while ((got = getdents64(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            bool known = false;
            for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
                known |= strcmp(entry->d_name, expected[i]) == 0;
            strange |= !known;
            at += entry->d_reclen;
        }
    }
    (void)close(fd);
    if (strange) {
        return mola_fail(why, MOLA_INVALID,
                         "store file:%s: the directory is neither empty nor a store of mola",
                         place);
    }
    return MOLA_OK;
}

/* --- Temporaries of those who died --- */

static void remove_if_old(mola_file_store *file, const char *name, uint64_t now_us)
{
    static const uint64_t day_us = (uint64_t)24 * 3600 * 1000 * 1000;
    struct stat status;
    if (fstatat(file->tmp_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return;
    if (status.st_mtim.tv_sec >= 0 && (uint64_t)status.st_mtim.tv_sec * 1000000 + day_us < now_us)
        (void)unlinkat(file->tmp_fd, name, 0);
}

/* One that a living writer still wants fails that writer's link, which is a definite failure: a
 * clock that jumps costs a retry, not data. */
static void remove_old_temporaries(mola_file_store *file)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int lock = openat(file->lock_fd, "start", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int fd = openat(file->tmp_fd, ".", OPEN_DIRECTORY);
    if (lock >= 0 && fd >= 0 && fcntl(lock, F_OFD_SETLK, &whole) == 0) {
        uint64_t now_us = mola_wall_us(file->env);
        char buffer[4096] __attribute__((aligned(16)));
        ssize_t got;
        while ((got = getdents64(fd, buffer, sizeof buffer)) > 0) {
            for (ssize_t at = 0; at < got;) {
                const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
                remove_if_old(file, entry->d_name, now_us);
                at += entry->d_reclen;
            }
        }
    }
    if (fd >= 0)
        (void)close(fd);
    if (lock >= 0)
        (void)close(lock);
}

/* --- All of it --- */

static mola_err open_directories(mola_file_store *file, mola_file_location *where, mola_why *why)
{
    const char *place = where->path;
    struct statfs system;
    if (!make_directories(where->path))
        return refuse(why, "cannot be made", place, errno);
    file->root_fd = open(place, OPEN_DIRECTORY);
    if (file->root_fd < 0 || fstatfs(file->root_fd, &system) != 0)
        return refuse(why, "cannot be opened", place, errno);
    if (!where->force && is_network(system.f_type)) {
        return mola_fail(why, MOLA_INVALID,
                         "store file:%s: a network file system; ?force=1 if you trust its fsync, "
                         "link and locks",
                         place);
    }
    return MOLA_OK;
}

mola_err mola_file_place_open(mola_file_store *file, mola_file_location *where, mola_why *why)
{
    const char *place = where->path;
    mola_err err = open_directories(file, where, why);
    if (err)
        return err;
    err = read_format(file, place, why);
    bool is_new = err == MOLA_NOT_FOUND;
    if (is_new)
        err = check_empty(file, place, why);
    if (err)
        return err;
    file->objects_fd = open_below(file->root_fd, "o");
    file->tmp_fd = open_below(file->root_fd, "tmp");
    file->lock_fd = open_below(file->root_fd, "lock");
    if (file->objects_fd < 0 || file->tmp_fd < 0 || file->lock_fd < 0)
        return refuse(why, "cannot make or open o, tmp, lock", place, errno);
    bool fold_case = false;
    err = probe(file, place, &fold_case, why);
    if (!err && is_new)
        err = write_format(file, place, fold_case, why);
    if (err)
        return err;
    if (fold_case && !file->fold_case) {
        return mola_fail(why, MOLA_INVALID,
                         "store file:%s: was made where 'A' and 'a' are two names, and here they "
                         "are one",
                         place);
    }
    if (fsync(file->root_fd) != 0)
        return refuse(why, "fsync", place, errno);
    remove_old_temporaries(file);
    return MOLA_OK;
}

void mola_file_place_close(mola_file_store *file)
{
    const int fds[] = {file->lock_fd, file->tmp_fd, file->objects_fd, file->root_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
}
