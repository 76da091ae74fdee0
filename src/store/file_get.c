#include "file.h"
#include "mola/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Until `size` bytes are there or the file ends. */
static mola_err read_at(mola_file_store *file, int fd, uint64_t offset, char *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, out + done, size - done, (off_t)(offset + done));
        if (got == 0)
            return MOLA_CORRUPT; /* shorter than its own trailer said a moment ago */
        if (got < 0 && errno != EINTR) {
            mola_file_log(file, "read", errno);
            return MOLA_UNAVAILABLE;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return MOLA_OK;
}

static mola_err read_range(mola_file_store *file, mola_ctx *ctx, mola_store_op *op, int fd)
{
    uint64_t first = op->offset < op->object_size ? op->offset : op->object_size;
    uint64_t left = op->object_size - first;
    size_t size = (size_t)(op->length && op->length < left ? op->length : left);
    char *bytes = mola_new(ctx->arena, char, size);
    if (!bytes)
        return MOLA_NO_MEMORY;
    mola_err err = read_at(file, fd, first, bytes, size);
    if (!err)
        op->bytes = (mola_str){bytes, size};
    return err;
}

mola_err mola_file_get(mola_file_store *file, mola_ctx *ctx, mola_store_op *op)
{
    mola_file_path path;
    mola_file_path_of_key(file->fold_case, op->key, &path);
    int fd;
    mola_err err = mola_file_object_open(file, &path, &op->new_etag, &op->object_size, &fd);
    if (err)
        return err;
    err = mola_file_object_confirm(file, &path, &op->new_etag);
    op->not_modified = !err && mola_etag_eq(&op->etag, &op->new_etag);
    if (!err && !op->not_modified)
        err = read_range(file, ctx, op, fd);
    (void)close(fd);
    return err;
}
