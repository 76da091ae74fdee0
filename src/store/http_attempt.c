#include "http_attempt.h"
#include "mola/base/check.h"
#include <stdio.h>

enum {
    TEXT_BYTES_MAX = 64 << 10, /* of an error body; nobody reads more */
    CONNECT_MS_MAX = 3000,
    BUFFER_BYTES = 128 << 10,
    BUFFER_FROM_BYTES = 64 << 10 /* expected bodies from here on get the large buffer */
};

/* --- The head of an answer --- */

static bool parse_digits(mola_str *text, uint64_t *out)
{
    size_t used = 0;
    uint64_t value = 0;
    while (used < text->len && text->data[used] >= '0' && text->data[used] <= '9') {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text->data[used] - '0'), &value))
            return false;
        used++;
    }
    *text = mola_str_from(*text, used);
    *out = value;
    return used > 0;
}

static bool skip(mola_str *text, mola_str expected)
{
    if (!mola_str_starts(*text, expected))
        return false;
    *text = mola_str_from(*text, expected.len);
    return true;
}

/* "bytes 0-9/10", or with a 416 "bytes * /10" (without the space). */
static bool parse_range(mola_str text, mola_http_reply *reply)
{
    if (!skip(&text, MOLA_STR("bytes ")))
        return false;
    if (skip(&text, MOLA_STR("*/")))
        return reply->status == 416 && parse_digits(&text, &reply->range_total) && text.len == 0;
    return parse_digits(&text, &reply->range_first) && skip(&text, MOLA_STR("-")) &&
           parse_digits(&text, &reply->range_last) && skip(&text, MOLA_STR("/")) &&
           parse_digits(&text, &reply->range_total) && text.len == 0 &&
           reply->range_first <= reply->range_last && reply->range_last < reply->range_total;
}

static void keep_etag(mola_http_reply *reply, mola_str value)
{
    reply->etag_given = true;
    if (value.len > MOLA_ETAG_BYTES_MAX)
        return;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x21 || value.data[i] > 0x7e)
            return; /* it would not survive being sent back in a header */
    }
    if (value.len)
        memcpy(reply->etag.bytes, value.data, value.len);
    reply->etag.len = (uint8_t)value.len;
}

/* Seconds since 1970; 0: it is none. */
static uint64_t parse_date(mola_str value)
{
    char text[64];
    if (value.len >= sizeof text)
        return 0;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    time_t seconds = curl_getdate(text, NULL);
    return seconds > 0 ? (uint64_t)seconds : 0;
}

/* Seconds, or a date: that is told from the Date of the answer once the head is complete. */
static void keep_retry_after(mola_http_attempt *a, mola_str value)
{
    mola_str rest = value;
    uint64_t seconds;
    if (parse_digits(&rest, &seconds) && rest.len == 0) {
        a->reply.retry_after_s = seconds;
    } else {
        a->retry_at_s = parse_date(value);
    }
}

static void end_head(mola_http_attempt *a)
{
    mola_http_reply *reply = &a->reply;
    uint64_t now_s = reply->date_s ? reply->date_s : mola_wall_us(a->env) / 1000000;
    a->head_seen = reply->status >= 200;
    a->head_ns = a->progress_ns;
    if (a->retry_at_s > now_s)
        reply->retry_after_s = a->retry_at_s - now_s;
}

static void keep_region(mola_http_reply *reply, mola_str value)
{
    if (value.len >= sizeof reply->region)
        return;
    memcpy(reply->region, value.data, value.len);
    reply->region[value.len] = '\0';
}

static mola_str trimmed(mola_str text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = mola_str_from(text, 1);
    while (text.len && (unsigned char)text.data[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static bool is_name(mola_str text, mola_str name)
{
    return text.len == name.len && strncasecmp(text.data, name.data, name.len) == 0;
}

static void take_header(mola_http_attempt *a, mola_str line)
{
    mola_http_reply *reply = &a->reply;
    mola_str value = line;
    mola_str name = mola_str_cut(&value, ':');
    value = trimmed(value);
    if (is_name(name, MOLA_STR("content-length"))) {
        mola_str rest = value;
        reply->has_length = parse_digits(&rest, &reply->length) && rest.len == 0;
    } else if (is_name(name, MOLA_STR("content-range"))) {
        reply->has_range = parse_range(value, reply);
    } else if (is_name(name, MOLA_STR("etag"))) {
        keep_etag(reply, value);
    } else if (is_name(name, MOLA_STR("date"))) {
        reply->date_s = parse_date(value);
    } else if (is_name(name, MOLA_STR("retry-after"))) {
        keep_retry_after(a, value);
    } else if (is_name(name, MOLA_STR("x-amz-bucket-region"))) {
        keep_region(reply, value);
    }
}

/* A new head begins: there may be several, when 100 Continue comes first or libcurl sends the
 * request once more. */
static void restart_reply(mola_http_attempt *a)
{
    mola_buf text = a->reply.text;
    text.len = 0;
    a->reply = (mola_http_reply){.text = text};
    a->head_seen = false;
    a->retry_at_s = 0;
    a->filled = 0;
    long status = 0;
    if (curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status > 0)
        a->reply.status = (uint32_t)status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl says what it has */
static size_t on_header(char *data, size_t one, size_t size, void *argument)
{
    mola_http_attempt *a = argument;
    (void)one;
    mola_str line = {data, size};
    a->progress_ns = mola_boot_ns(a->env);
    if (mola_str_starts(line, MOLA_STR("HTTP/"))) {
        restart_reply(a);
    } else if (trimmed(line).len == 0) {
        end_head(a);
    } else {
        take_header(a, line);
    }
    return size;
}

/* --- The body --- */

static bool is_counted(const mola_http_attempt *a)
{
    return a->of->arena && (a->reply.status == 200 || a->reply.status == 206);
}

static bool fail(mola_http_attempt *a, mola_http_end end)
{
    a->reply.end = end;
    return false;
}

/* Room for the whole body, before the first byte of it is taken. */
static bool make_target(mola_http_attempt *a)
{
    mola_http_exchange *x = a->of;
    if (!a->reply.has_length || a->reply.length > x->bytes_max)
        return fail(a, MOLA_HTTP_MALFORMED);
    if (x->own.spare_bytes >= a->reply.length && x->own.spare) {
        a->target = x->own.spare;
        a->target_bytes = x->own.spare_bytes;
        x->own.spare = NULL;
        x->own.spare_bytes = 0;
        return true;
    }
    a->target = mola_new(x->arena, char, a->reply.length);
    a->target_bytes = a->reply.length;
    return a->target ? true : fail(a, MOLA_HTTP_NO_ROOM);
}

static bool take_bytes(mola_http_attempt *a, const char *data, size_t size)
{
    bool fits = a->target && a->target_bytes >= a->reply.length;
    if (a->filled == 0 && !fits && !make_target(a))
        return false;
    if (size > a->reply.length - a->filled)
        return fail(a, MOLA_HTTP_MALFORMED);
    MOLA_ASSERT(a->target && a->filled + size <= a->target_bytes);
    memcpy(a->target + a->filled, data, size);
    a->filled += size;
    return true;
}

static bool take_text(mola_http_attempt *a, const char *data, size_t size)
{
    bool is_answer = a->reply.status >= 200 && a->reply.status < 300;
    uint64_t most = is_answer ? a->of->bytes_max : TEXT_BYTES_MAX;
    if (a->reply.text.len + size > most)
        return !is_answer || fail(a, MOLA_HTTP_MALFORMED); /* the rest of an error is dropped */
    mola_buf_add(&a->reply.text, data, size);
    return a->reply.text.failed ? fail(a, MOLA_HTTP_NO_ROOM) : true;
}

static size_t on_body(char *data, size_t one, size_t size, void *argument)
{
    mola_http_attempt *a = argument;
    (void)one;
    a->progress_ns = mola_boot_ns(a->env);
    bool ok = is_counted(a) ? take_bytes(a, data, size) : take_text(a, data, size);
    return ok ? size : size + 1; /* anything but `size` ends the transfer */
}

/* --- Sending --- */

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl says what it has */
static int on_send(void *argument, char *there, char *here, int its_port, int our_port)
{
    mola_http_attempt *a = argument;
    (void)there, (void)here, (void)its_port, (void)our_port;
    a->of->copies++;
    mola_count(a->env->metrics, a->owner->requests, 1);
    return CURL_PREREQFUNC_OK;
}

void mola_http_line(mola_buf *lines, const char *name, mola_str value)
{
    mola_buf_print(lines, "%s: " MOLA_FMT, name, MOLA_ARG(value));
    mola_buf_add_char(lines, '\0');
}

static bool make_lines(mola_http_attempt *a)
{
    mola_buf lines;
    mola_buf_init(&lines, a->env->heap);
    if (a->of->headers)
        a->of->headers(a->of, &lines);
    bool ok = !lines.failed;
    for (size_t at = 0; ok && at < lines.len; at += strlen(lines.data + at) + 1) {
        struct curl_slist *longer = curl_slist_append(a->lines, lines.data + at);
        ok = longer != NULL;
        if (ok)
            a->lines = longer;
    }
    mola_buf_free(&lines);
    return ok;
}

#define SET(option, value) failed |= curl_easy_setopt(a->easy, (option), (value)) != CURLE_OK

static bool set_what_is_asked(mola_http_attempt *a)
{
    const mola_http_exchange *x = a->of;
    bool failed = false;
    SET(CURLOPT_URL, x->url);
    SET(CURLOPT_HTTPHEADER, a->lines);
    bool has_body = strcmp(x->method, "PUT") == 0 || strcmp(x->method, "POST") == 0;
    if (has_body) { /* as a POST it leaves with its head in one piece, and is never copied */
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
        SET(CURLOPT_POSTFIELDS, x->body.len ? x->body.data : "");
    }
    if (strcmp(x->method, "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, x->method);
    if (x->ca_file)
        SET(CURLOPT_CAINFO, x->ca_file);
    if (x->arena && x->bytes_max >= BUFFER_FROM_BYTES)
        SET(CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    return !failed;
}

static bool set_how(mola_http_attempt *a)
{
    bool failed = false;
    SET(CURLOPT_PRIVATE, a);
    SET(CURLOPT_ERRORBUFFER, a->error);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, a);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, a);
    SET(CURLOPT_PREREQFUNCTION, on_send);
    SET(CURLOPT_PREREQDATA, a);
    SET(CURLOPT_USERAGENT, "mola/" MOLA_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROTOCOLS_STR, strncmp(a->of->url, "https:", 6) == 0 ? "https" : "http");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS_MAX);
    SET(CURLOPT_MAXAGE_CONN, 60L);       /* stores close idle connections after that or sooner */
    SET(CURLOPT_MAXLIFETIME_CONN, 600L); /* so that a change in the name service is followed */
    return !failed;
}

mola_http_attempt *mola_http_attempt_open(mola_env *env, const mola_http_owner *owner)
{
    mola_http_attempt *a = mola_alloc(env->heap, sizeof *a);
    if (!a)
        return NULL;
    a->env = env;
    a->owner = owner;
    a->easy = curl_easy_init();
    if (a->easy)
        return a;
    mola_free(env->heap, a, sizeof *a);
    return NULL;
}

void mola_http_attempt_close(mola_http_attempt *a)
{
    curl_easy_cleanup(a->easy);
    mola_free(a->env->heap, a, sizeof *a);
}

bool mola_http_attempt_begin(mola_http_attempt *a, mola_http_exchange *x)
{
    curl_easy_reset(a->easy);
    a->of = x;
    a->lines = NULL;
    a->reply = (mola_http_reply){0};
    mola_buf_init(&a->reply.text, a->env->heap);
    a->sent_ns = a->progress_ns = mola_boot_ns(a->env);
    a->head_seen = false;
    a->target = NULL;
    a->target_bytes = a->filled = 0;
    a->error[0] = '\0';
    return make_lines(a) && set_how(a) && set_what_is_asked(a);
}

/* --- The end --- */

static void count_traffic(mola_http_attempt *a)
{
    curl_off_t sent = 0, received = 0;
    long connections = 0;
    (void)curl_easy_getinfo(a->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    (void)curl_easy_getinfo(a->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    (void)curl_easy_getinfo(a->easy, CURLINFO_NUM_CONNECTS, &connections);
    mola_count(a->env->metrics, a->owner->bytes_sent, sent);
    mola_count(a->env->metrics, a->owner->bytes_received, received);
    mola_count(a->env->metrics, a->owner->connections, connections);
}

void mola_http_attempt_end(mola_http_attempt *a, CURLcode code)
{
    mola_http_reply *reply = &a->reply;
    count_traffic(a);
    if (code != CURLE_OK) {
        if (reply->end == MOLA_HTTP_ANSWERED)
            reply->end = MOLA_HTTP_BROKEN;
        reply->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
        const char *words = a->error[0] ? a->error : curl_easy_strerror(code);
        (void)snprintf(reply->words, sizeof reply->words, "%s", words);
        return;
    }
    if (is_counted(a) && (!reply->has_length || a->filled != reply->length)) {
        reply->end = MOLA_HTTP_MALFORMED;
    } else if (is_counted(a)) {
        reply->bytes = (mola_str){a->target ? a->target : "", a->filled};
    }
}

void mola_http_attempt_move(mola_http_attempt *a, mola_http_reply *out)
{
    *out = a->reply;
    a->reply = (mola_http_reply){0};
    mola_buf_init(&a->reply.text, a->env->heap);
    if (out->bytes.len)
        a->target = NULL;
}

void mola_http_attempt_clear(mola_http_attempt *a)
{
    mola_http_exchange *x = a->of;
    if (a->target && a->target_bytes > x->own.spare_bytes) {
        x->own.spare = a->target;
        x->own.spare_bytes = a->target_bytes;
    }
    mola_buf_free(&a->reply.text);
    curl_slist_free_all(a->lines);
    a->lines = NULL;
    a->of = NULL;
}
