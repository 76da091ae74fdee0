/* file_list.c - LIST as a walk that is ordered by whole keys.
 *
 * A directory holds a range of keys, but the ranges of siblings interleave: "a-b" < "a/b" < "a0".
 * So there is one heap of names, ordered by the shortest key each may stand for; the smallest is
 * taken out, and if it is a directory its names go in. A directory is opened only when its first
 * key could be the next one wanted. */
#include "file.h"
#include "mola/base/check.h"
#include "page.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct {
    mola_str path;
    bool confirmed; /* all names that were read from it are durable */
} directory;

typedef struct {
    mola_str stem; /* an object: its key; a directory: what all its keys start with */
    directory *in; /* an object: where it is; a directory: itself */
    bool is_object;
} name;

typedef struct {
    mola_file_store *file;
    mola_page page;
    mola_arena scratch; /* of this walk */
    name *names;        /* a binary heap, the smallest stem first */
    size_t count, room;
} walk;

static void swap(name *a, name *b)
{
    name kept = *a;
    *a = *b;
    *b = kept;
}

static bool below(const name *a, const name *b)
{
    return mola_str_cmp(a->stem, b->stem) < 0;
}

static bool push(walk *w, name added)
{
    if (w->count == w->room) {
        size_t room = w->room ? w->room * 2 : 256;
        name *names =
            mola_realloc(w->file->env->heap, w->names, w->room * sizeof(name), room * sizeof(name));
        if (!names)
            return false;
        w->names = names;
        w->room = room;
    }
    size_t at = w->count++;
    w->names[at] = added;
    for (; at > 0 && below(&w->names[at], &w->names[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&w->names[at], &w->names[(at - 1) / 2]);
    return true;
}

static name pop(walk *w)
{
    MOLA_ASSERT(w->count > 0);
    name first = w->names[0];
    w->names[0] = w->names[--w->count];
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < w->count && below(&w->names[child + 1], &w->names[child]))
            child++;
        if (child >= w->count || !below(&w->names[child], &w->names[at]))
            return first;
        swap(&w->names[at], &w->names[child]);
        at = child;
    }
}

/* --- Opening a directory --- */

static directory *make_directory(walk *w, const directory *parent, mola_str text)
{
    directory *made = mola_new(&w->scratch, directory, 1);
    bool top = !parent || parent->path.len == 0;
    bool ok = made && (top ? mola_arena_copy(&w->scratch, text, &made->path)
                           : mola_arena_print(&w->scratch, &made->path, MOLA_FMT "/" MOLA_FMT,
                                              MOLA_ARG(parent->path), MOLA_ARG(text)));
    return ok ? made : NULL;
}

/* Enters one name of a directory, unless it is not ours or no key behind it is wanted. */
static bool enter(walk *w, const name *of, mola_str text)
{
    char bytes[MOLA_FILE_NAME_BYTES_MAX], stem_bytes[MOLA_KEY_BYTES_MAX + 1];
    mola_file_kind kind;
    size_t len;
    if (mola_str_eq(text, MOLA_STR(".")) || mola_str_eq(text, MOLA_STR("..")) ||
        !mola_file_name_decode(w->file->fold_case, text, &kind, bytes, &len) ||
        of->stem.len + len + 1 > sizeof stem_bytes)
        return true;
    if (of->stem.len)
        memcpy(stem_bytes, of->stem.data, of->stem.len);
    memcpy(stem_bytes + of->stem.len, bytes, len);
    mola_str stem = {stem_bytes, of->stem.len + len};
    if (kind == MOLA_FILE_DIRECTORY)
        stem_bytes[stem.len++] = '/';
    bool is_object = kind == MOLA_FILE_OBJECT;
    if (!(is_object ? mola_page_wants_key(&w->page, stem) : mola_page_wants_stem(&w->page, stem)))
        return true;
    name entered = {.is_object = is_object,
                    .in = is_object ? of->in : make_directory(w, of->in, text)};
    return entered.in && mola_arena_copy(&w->scratch, stem, &entered.stem) && push(w, entered);
}

static mola_err read_names(walk *w, const name *of, int fd, char *buffer, size_t size)
{
    for (;;) {
        ssize_t got = getdents64(fd, buffer, size);
        if (got < 0) {
            mola_file_log(w->file, "read of a directory", errno);
            return MOLA_UNAVAILABLE;
        }
        if (got == 0)
            return MOLA_OK;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            if (!enter(w, of, mola_str_of(entry->d_name)))
                return MOLA_NO_MEMORY;
            at += entry->d_reclen;
        }
    }
}

static mola_err open_directory(walk *w, const name *of)
{
    enum { BUFFER_BYTES = 32 * 1024 };
    char path[MOLA_FILE_PATH_BYTES_MAX] = ".";
    MOLA_ASSERT(of->in->path.len < sizeof path);
    if (of->in->path.len) {
        memcpy(path, of->in->path.data, of->in->path.len);
        path[of->in->path.len] = '\0';
    }
    int fd = openat(w->file->objects_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return MOLA_OK; /* no such prefix; or a stray file with a name like a directory */
    if (fd < 0) {
        mola_file_log(w->file, "open directory", errno);
        return MOLA_UNAVAILABLE;
    }
    char *buffer = mola_alloc(w->file->env->heap, BUFFER_BYTES);
    mola_err err = buffer ? read_names(w, of, fd, buffer, BUFFER_BYTES) : MOLA_NO_MEMORY;
    mola_free(w->file->env->heap, buffer, BUFFER_BYTES);
    (void)close(fd);
    return err;
}

/* --- Objects --- */

static mola_err confirm(walk *w, directory *in)
{
    if (in->confirmed)
        return MOLA_OK;
    mola_file_directory *taken;
    if (mola_file_directory_take(w->file, in->path, MOLA_FILE_MUST_EXIST, &taken))
        return MOLA_UNAVAILABLE;
    mola_err err = mola_file_directory_confirm(w->file, taken);
    mola_file_directory_release(w->file, taken);
    in->confirmed = !err;
    return err;
}

/* Shows an object. `*full`: the page is complete. */
static mola_err show(walk *w, const name *object, bool *full)
{
    mola_file_path path;
    mola_file_path_of_key(w->file->fold_case, object->stem, &path);
    struct stat status;
    if (fstatat(w->file->objects_fd, path.text, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return MOLA_OK; /* deleted meanwhile */
        mola_file_log(w->file, "stat", errno);
        return MOLA_UNAVAILABLE;
    }
    if (!S_ISREG(status.st_mode))
        return MOLA_OK;
    mola_err err = confirm(w, object->in);
    if (err)
        return err;
    /* One that is too short for its trailer is damaged: its GET says so. */
    bool whole = status.st_size >= MOLA_FILE_TRAILER_BYTES;
    uint64_t size = whole ? (uint64_t)status.st_size - MOLA_FILE_TRAILER_BYTES : 0;
    *full = !mola_page_add(&w->page, object->stem, size);
    return w->page.op->err;
}

static mola_err walk_all(walk *w, mola_ctx *ctx)
{
    mola_err err = MOLA_OK;
    for (bool full = false; !err && !full && w->count > 0;) {
        if (mola_store_late(ctx))
            return MOLA_UNAVAILABLE;
        name next = pop(w);
        bool wanted = next.is_object ? mola_page_wants_key(&w->page, next.stem)
                                     : mola_page_wants_stem(&w->page, next.stem);
        if (wanted)
            err = next.is_object ? show(w, &next, &full) : open_directory(w, &next);
    }
    return err;
}

/* The part of a prefix that names a directory: up to and with its last '/'. false: no key can start
 * with it. */
static bool directory_of(mola_str prefix, mola_str *out)
{
    const char *slash = prefix.len ? memrchr(prefix.data, '/', prefix.len) : NULL;
    *out = (mola_str){prefix.data, slash ? (size_t)(slash - prefix.data) + 1 : 0};
    return out->len == 0 || mola_store_key_ok((mola_str){out->data, out->len - 1});
}

mola_err mola_file_list(mola_file_store *file, mola_ctx *ctx, mola_store_op *op)
{
    name top = {0};
    if (!directory_of(op->key, &top.stem))
        return MOLA_OK;
    walk w = {.file = file};
    mola_arena_init(&w.scratch, file->env->heap, SIZE_MAX);
    mola_page_init(&w.page, ctx->arena, op);
    mola_file_path path;
    mola_file_path_of_prefix(file->fold_case, top.stem, &path);
    top.in = make_directory(&w, NULL, (mola_str){path.text, path.len});
    mola_err err = top.in && push(&w, top) ? walk_all(&w, ctx) : MOLA_NO_MEMORY;
    if (err) {
        op->entry_count = 0;
        op->truncated = false;
    }
    mola_free(file->env->heap, w.names, w.room * sizeof(name));
    mola_arena_reset(&w.scratch);
    return err;
}
