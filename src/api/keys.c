/* keys.c - bearer keys: who may come in. None configured: everybody may, with any key or without.
 *
 * Keys are compared by their BLAKE2b digests, all of them, without an early exit; the text of a key
 * file is not kept. It is looked at every second and read again when it changes: keys rotate
 * without a restart. */
#include "api/private.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGEST_BYTES = 32, KEYS_MAX = 1024, KEY_FILE_BYTES_MAX = 256 * 1024, KEY_BYTES_MAX = 1024 };

typedef struct {
    uint32_t count;
    uint8_t digest[KEYS_MAX][DIGEST_BYTES];
} key_set;

struct mola_keys {
    mola_env *env;
    const char *file; /* NULL: none */
    mola_str fixed;   /* keys that came by configuration: they stay when the file changes */
    mola_lock lock;   /* guards set, stop, stopped */
    mola_event wake;
    key_set set;
    bool stop, stopped, watching;
    struct timespec changed; /* of the file, at its last reading */
    off_t size;
    ino_t inode;
};

static void digest_of(mola_str key, uint8_t out[DIGEST_BYTES])
{
    (void)crypto_generichash(out, DIGEST_BYTES, (const unsigned char *)key.data, key.len, NULL, 0);
}

typedef enum { FROM_SETTING, FROM_FILE } key_source;

/* Keys one a line; empty lines are skipped, and in a file those that begin with '#'. false: too
 * many or too long. */
static bool add_keys(key_set *set, mola_str text, key_source source)
{
    while (text.len) {
        mola_str line = mola_trim(mola_str_cut(&text, '\n'));
        if (line.len == 0 || (source == FROM_FILE && line.data[0] == '#'))
            continue;
        if (set->count == KEYS_MAX || line.len > KEY_BYTES_MAX)
            return false;
        digest_of(line, set->digest[set->count++]);
    }
    return true;
}

/* Reads the file into `set`, adding to what is there. false: it cannot be read; errno may say why.
 */
static bool read_file(mola_keys *keys, key_set *set)
{
    int fd = open(keys->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct stat st;
    char *text = NULL;
    bool good = fstat(fd, &st) == 0 && st.st_size >= 0 && st.st_size <= KEY_FILE_BYTES_MAX;
    size_t size = good ? (size_t)st.st_size : 0, got = 0;
    if (good && size)
        good = (text = mola_alloc(keys->env->heap, size)) != NULL;
    while (good && got < size) {
        ssize_t n = read(fd, text + got, size - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    good = good && got == size && add_keys(set, (mola_str){text, size}, FROM_FILE);
    if (good) {
        keys->changed = st.st_mtim;
        keys->size = st.st_size;
        keys->inode = st.st_ino;
    }
    if (text)
        sodium_memzero(text, size);
    mola_free(keys->env->heap, text, size);
    (void)close(fd);
    return good;
}

static bool file_changed(const mola_keys *keys)
{
    struct stat st;
    return stat(keys->file, &st) == 0 &&
           (st.st_mtim.tv_sec != keys->changed.tv_sec || st.st_ino != keys->inode ||
            st.st_mtim.tv_nsec != keys->changed.tv_nsec || st.st_size != keys->size);
}

static void read_again(mola_keys *keys)
{
    key_set *fresh = mola_alloc(keys->env->heap, sizeof *fresh);
    if (fresh && add_keys(fresh, keys->fixed, FROM_SETTING) && read_file(keys, fresh) &&
        fresh->count) {
        mola_lock_take(&keys->lock);
        keys->set = *fresh;
        mola_lock_give(&keys->lock);
        mola_log(keys->env, MOLA_LOG_INFO, "keys_read", "keys=%u", fresh->count);
    } else {
        mola_log(keys->env, MOLA_LOG_WARN, "keys_unreadable", "kept=%u", keys->set.count);
    }
    mola_free(keys->env->heap, fresh, sizeof *fresh);
}

static void watch(void *argument)
{
    mola_keys *keys = argument;
    for (;;) {
        mola_lock_take(&keys->lock);
        if (!keys->stop)
            (void)mola_event_wait(&keys->wake, &keys->lock, mola_boot_ns(keys->env) + MOLA_SECOND);
        bool stop = keys->stop;
        mola_lock_give(&keys->lock);
        if (stop)
            break;
        if (file_changed(keys))
            read_again(keys);
    }
    mola_lock_take(&keys->lock);
    keys->stopped = true;
    mola_event_wake_all(&keys->wake);
    mola_lock_give(&keys->lock);
}

mola_err mola_keys_open(const mola_api_config *config, mola_keys **out, mola_why *why)
{
    mola_heap *heap = config->env->heap;
    if (sodium_init() < 0)
        return mola_fail(why, MOLA_UNAVAILABLE, "libsodium cannot start");
    mola_keys *keys = mola_alloc(heap, sizeof *keys);
    if (!keys)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for keys");
    keys->env = config->env;
    keys->file = config->keys_file;
    keys->fixed = config->keys;
    mola_lock_init(&keys->lock, keys->env, MOLA_RANK_CACHE);
    mola_event_init(&keys->wake, keys->env);
    mola_err err = MOLA_OK;
    if (!add_keys(&keys->set, config->keys, FROM_SETTING)) {
        err = mola_fail(why, MOLA_INVALID, "more than %d keys, or one over %d bytes", KEYS_MAX,
                        KEY_BYTES_MAX);
    } else if (config->keys.len && keys->set.count == 0) {
        err = mola_fail(why, MOLA_INVALID, "api_keys is set, but holds no key");
    } else if (keys->file && !read_file(keys, &keys->set)) {
        err = mola_fail(why, MOLA_INVALID, "cannot read the key file %s", keys->file);
    } else if (keys->file && keys->set.count == 0) {
        err = mola_fail(why, MOLA_INVALID, "the key file %s holds no key", keys->file);
    } else if (keys->file) {
        err = keys->env->ops->spawn(keys->env, "keys", watch, keys);
        if (err)
            (void)mola_fail(why, err, "no thread to watch the key file");
    }
    keys->watching = !err && keys->file;
    if (err) {
        mola_keys_close(keys);
        return err;
    }
    if (keys->set.count == 0) {
        mola_log(keys->env, MOLA_LOG_WARN, "open_server",
                 "note=\"no API key is configured: every request is served\"");
    }
    *out = keys;
    return MOLA_OK;
}

void mola_keys_close(mola_keys *keys)
{
    if (!keys)
        return;
    mola_lock_take(&keys->lock);
    keys->stop = true;
    mola_event_wake_all(&keys->wake);
    while (keys->watching && !keys->stopped)
        (void)mola_event_wait(&keys->wake, &keys->lock, MOLA_NEVER);
    mola_lock_give(&keys->lock);
    mola_event_free(&keys->wake);
    mola_lock_free(&keys->lock);
    mola_free(keys->env->heap, keys, sizeof *keys);
}

/* The token of "Bearer <token>"; the scheme in any case. Empty: none. */
static mola_str bearer_token(mola_str authorization)
{
    mola_str token = authorization, scheme = mola_str_cut(&token, ' ');
    return mola_token_is(scheme, MOLA_STR("bearer")) ? mola_trim(token) : (mola_str){0};
}

bool mola_keys_accept(mola_keys *keys, mola_str authorization)
{
    MOLA_LOCKED(&keys->lock);
    if (keys->set.count == 0)
        return true;
    mola_str token = bearer_token(authorization);
    if (token.len == 0 || token.len > KEY_BYTES_MAX)
        return false;
    uint8_t digest[DIGEST_BYTES];
    digest_of(token, digest);
    unsigned same = 0;
    for (uint32_t i = 0; i < keys->set.count; i++)
        same |= sodium_memcmp(digest, keys->set.digest[i], DIGEST_BYTES) == 0;
    return same != 0;
}
