/* file_put.c - writing and deleting, so that what was answered survives a power cut. */
#include "file.h"
#include "mola/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* --- The temporary --- */

typedef struct {
    char name[33]; /* in {root}/tmp; empty: none */
} temporary;

static bool write_all(int fd, const void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

static mola_err write_temporary(mola_file_store *file, const mola_store_op *op,
                                const mola_etag *tag, temporary *out)
{
    uint64_t chance[2];
    mola_chance(file->env, chance, sizeof chance);
    (void)snprintf(out->name, sizeof out->name, "%016llx%016llx", (unsigned long long)chance[0],
                   (unsigned long long)chance[1]);
    int fd = openat(file->tmp_fd, out->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        mola_file_log(file, "create", errno);
        out->name[0] = '\0';
        return MOLA_UNAVAILABLE;
    }
    uint8_t trailer[MOLA_FILE_TRAILER_BYTES];
    mola_file_trailer_encode(tag, op->body.len, trailer);
    bool ok = write_all(fd, op->body.data, op->body.len, 0) &&
              write_all(fd, trailer, sizeof trailer, op->body.len);
    if (!ok)
        mola_file_log(file, "write", errno);
    if (ok && fsync(fd) != 0) {
        mola_file_log(file, "fsync", errno);
        ok = false;
    }
    if (close(fd) != 0 && ok) {
        mola_file_log(file, "close", errno);
        ok = false;
    }
    return ok ? MOLA_OK : MOLA_UNAVAILABLE;
}

static void remove_temporary(mola_file_store *file, const temporary *temp)
{
    if (temp->name[0] && unlinkat(file->tmp_fd, temp->name, 0) != 0)
        mola_file_log(file, "unlink of a temporary", errno); /* the next start removes it */
}

/* --- Conditions --- */

static mola_err tag_now(mola_file_store *file, const mola_file_path *path, mola_etag *tag)
{
    int fd;
    uint64_t size;
    mola_err err = mola_file_object_open(file, path, tag, &size, &fd);
    if (!err)
        (void)close(fd);
    return err;
}

/* OK: nothing speaks against this put yet. CONFLICT is final, as tags never return; what it says
 * about a key is durable. */
static mola_err check_condition(mola_file_store *file, const mola_store_op *op,
                                const mola_file_path *path)
{
    if (op->when == MOLA_PUT_ALWAYS)
        return MOLA_OK;
    mola_etag now;
    mola_err err = tag_now(file, path, &now);
    if (err == MOLA_UNAVAILABLE)
        return err;
    if (op->when == MOLA_PUT_IF_ABSENT && err)
        return MOLA_OK;
    if (op->when == MOLA_PUT_IF_MATCH && !err && mola_etag_eq(&now, &op->etag))
        return MOLA_OK;
    if (!err && mola_file_object_confirm(file, path, &now))
        return MOLA_UNAVAILABLE;
    return MOLA_CONFLICT;
}

/* --- Placing an object under its name --- */

/* After these the directory is as it was. Of anything else, like EIO, nobody can tell. */
static bool surely_failed(int error)
{
    switch (error) {
    case EACCES:
    case EDQUOT:
    case EMLINK:
    case ENAMETOOLONG:
    case ENOENT:
    case ENOMEM:
    case ENOSPC:
    case ENOTDIR:
    case EPERM:
    case EROFS:
        return true;
    default:
        return false;
    }
}

/* Returns 0 or an errno. */
static int give_name(mola_file_store *file, mola_put_when when, temporary *temp,
                     mola_file_directory *directory, const char *name)
{
    if (when == MOLA_PUT_IF_ABSENT && file->hard_links)
        return linkat(file->tmp_fd, temp->name, directory->fd, name, 0) == 0 ? 0 : errno;
    unsigned flags = when == MOLA_PUT_IF_ABSENT ? RENAME_NOREPLACE : 0;
    int failed = flags ? renameat2(file->tmp_fd, temp->name, directory->fd, name, flags)
                       : renameat(file->tmp_fd, temp->name, directory->fd, name);
    if (failed)
        return errno;
    temp->name[0] = '\0';
    return 0;
}

static mola_err place(mola_file_store *file, mola_ctx *ctx, const mola_store_op *op,
                      temporary *temp, mola_file_directory *directory, const char *name)
{
    if (mola_file_directory_poisoned(file, directory) || mola_store_late(ctx))
        return MOLA_UNAVAILABLE;
    int error = give_name(file, op->when, temp, directory, name);
    if (error == EEXIST && op->when == MOLA_PUT_IF_ABSENT)
        return mola_file_directory_confirm(file, directory) ? MOLA_UNAVAILABLE : MOLA_CONFLICT;
    if (error) {
        mola_file_log(file, "link or rename", error);
        return surely_failed(error) ? MOLA_UNAVAILABLE : MOLA_UNKNOWN;
    }
    return mola_file_directory_sync(file, directory) ? MOLA_UNKNOWN : MOLA_OK;
}

/* An object that exists is replaced only under its lock, up to and with the fsync: the next holder
 * builds on what this one has made durable. */
static mola_err place_locked(mola_file_store *file, mola_ctx *ctx, const mola_store_op *op,
                             temporary *temp, mola_file_directory *directory,
                             const mola_file_path *path)
{
    uint32_t which;
    mola_err err = mola_file_lock_take(file, ctx, op->key, &which);
    if (err)
        return err;
    err = check_condition(file, op, path);
    if (!err)
        err = place(file, ctx, op, temp, directory, path->text + path->name);
    mola_file_lock_give(file, which);
    return err;
}

mola_err mola_file_put(mola_file_store *file, mola_ctx *ctx, mola_store_op *op)
{
    mola_file_path path;
    mola_file_path_of_key(file->fold_case, op->key, &path);
    mola_err err =
        check_condition(file, op, &path); /* a lost race need not write its object first */
    if (err)
        return err;
    mola_file_directory *directory;
    err = mola_file_directory_take(file, mola_file_path_directory(&path), MOLA_FILE_MAY_CREATE,
                                   &directory);
    if (err)
        return err;
    mola_etag tag = {.len = MOLA_FILE_TAG_BYTES};
    mola_chance(file->env, tag.bytes, MOLA_FILE_TAG_BYTES);
    temporary temp;
    err = write_temporary(file, op, &tag, &temp);
    if (!err) {
        err = op->when == MOLA_PUT_IF_ABSENT
                  ? place(file, ctx, op, &temp, directory, path.text + path.name)
                  : place_locked(file, ctx, op, &temp, directory, &path);
    }
    remove_temporary(file, &temp);
    mola_file_directory_release(file, directory);
    if (!err) {
        mola_file_tag_learn(file, &tag);
        op->new_etag = tag;
    }
    return err;
}

/* No fsync: an object that comes back after a power cut is garbage once more, and the key is not
 * needed again (protocol section 1). */
mola_err mola_file_delete(mola_file_store *file, mola_ctx *ctx, mola_str key)
{
    mola_file_path path;
    mola_file_path_of_key(file->fold_case, key, &path);
    uint32_t which;
    mola_err err = mola_file_lock_take(file, ctx, key, &which);
    if (err)
        return err;
    int error = unlinkat(file->objects_fd, path.text, 0) == 0 ? 0 : errno;
    mola_file_lock_give(file, which);
    if (error == 0 || error == ENOENT || error == ENOTDIR)
        return MOLA_OK;
    mola_file_log(file, "unlink", error);
    return surely_failed(error) ? MOLA_UNAVAILABLE : MOLA_UNKNOWN;
}
