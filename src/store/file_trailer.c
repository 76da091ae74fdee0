/* file_trailer.c - the tag behind the bytes: written with them, renamed with them, so object and
 * tag never mix; behind and not before them, so offsets stay what they are. */
#include "file.h"
#include "mola/base/check.h"
#include "mola/codec/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

enum { MAGIC = 0, TAG = 8, SIZE = 24, RESERVED = 32, SUM = 56 };
static const char magic[8] = {'M', 'O', 'L', 'A', 'O', 'B', 'J', '1'};
_Static_assert(SUM + sizeof(uint64_t) == MOLA_FILE_TRAILER_BYTES, "the sum ends the trailer");

void mola_file_trailer_encode(const mola_etag *tag, uint64_t size,
                              uint8_t out[MOLA_FILE_TRAILER_BYTES])
{
    MOLA_ASSERT(tag->len == MOLA_FILE_TAG_BYTES);
    memset(out, 0, MOLA_FILE_TRAILER_BYTES);
    memcpy(out + MAGIC, magic, sizeof magic);
    memcpy(out + TAG, tag->bytes, MOLA_FILE_TAG_BYTES);
    memcpy(out + SIZE, &size, sizeof size);
    uint64_t sum = XXH3_64bits(out, SUM);
    memcpy(out + SUM, &sum, sizeof sum);
}

static bool trailer_ok(const uint8_t in[MOLA_FILE_TRAILER_BYTES])
{
    static const uint8_t zeros[SUM - RESERVED];
    return memcmp(in + MAGIC, magic, sizeof magic) == 0 &&
           memcmp(in + RESERVED, zeros, sizeof zeros) == 0 &&
           mola_load_u64(in + SUM) == XXH3_64bits(in, SUM);
}

mola_err mola_file_trailer_read(int fd, mola_etag *tag, uint64_t *size)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return MOLA_UNAVAILABLE;
    if (!S_ISREG(status.st_mode) || status.st_size < MOLA_FILE_TRAILER_BYTES)
        return MOLA_CORRUPT;
    uint8_t in[MOLA_FILE_TRAILER_BYTES];
    off_t at = status.st_size - MOLA_FILE_TRAILER_BYTES;
    ssize_t got;
    do {
        got = pread(fd, in, sizeof in, at);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return MOLA_UNAVAILABLE;
    if (got != sizeof in || !trailer_ok(in) || mola_load_u64(in + SIZE) != (uint64_t)at)
        return MOLA_CORRUPT;
    *size = (uint64_t)at;
    tag->len = MOLA_FILE_TAG_BYTES;
    memcpy(tag->bytes, in + TAG, MOLA_FILE_TAG_BYTES);
    return MOLA_OK;
}

mola_err mola_file_object_open(mola_file_store *file, const mola_file_path *path, mola_etag *tag,
                               uint64_t *size, int *fd)
{
    *fd = openat(file->objects_fd, path->text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return MOLA_NOT_FOUND;
        mola_file_log(file, "open", errno);
        return MOLA_UNAVAILABLE;
    }
    mola_err err = mola_file_trailer_read(*fd, tag, size);
    if (err) {
        mola_file_log(file, err == MOLA_CORRUPT ? "check of a trailer" : "read of a trailer",
                      err == MOLA_CORRUPT ? EBADMSG : errno);
        (void)close(*fd);
        *fd = -1;
    }
    return err;
}

mola_err mola_file_object_confirm(mola_file_store *file, const mola_file_path *path,
                                  const mola_etag *tag)
{
    if (mola_file_tag_known(file, tag))
        return MOLA_OK;
    mola_file_directory *directory;
    mola_err err = mola_file_directory_take(file, mola_file_path_directory(path),
                                            MOLA_FILE_MUST_EXIST, &directory);
    if (!err) {
        err = mola_file_directory_confirm(file, directory);
        mola_file_directory_release(file, directory);
    }
    if (err)
        return MOLA_UNAVAILABLE;
    mola_file_tag_learn(file, tag);
    return MOLA_OK;
}
