/* SSL_set_fd on readiness events. libh2o's own TLS is not used: it buffers ciphertext without end
 * after a close_notify, and encrypts a whole answer at once. */
#include "http/conn.h"
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <sys/socket.h>

mola_err mola_wire_open_tls(const mola_http_config *config, SSL_CTX **out, mola_why *why)
{
    *out = NULL;
    if (!config->tls_cert_file && !config->tls_key_file)
        return MOLA_OK;
    if (!config->tls_cert_file || !config->tls_key_file)
        return mola_fail(why, MOLA_INVALID, "TLS needs both a certificate and a key");
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for TLS");
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    ERR_clear_error();
    const char *wrong = NULL;
    if (SSL_CTX_use_certificate_chain_file(tls, config->tls_cert_file) != 1) {
        wrong = config->tls_cert_file;
    } else if (SSL_CTX_use_PrivateKey_file(tls, config->tls_key_file, SSL_FILETYPE_PEM) != 1) {
        wrong = config->tls_key_file;
    }
    if (wrong) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        SSL_CTX_free(tls);
        return mola_fail(why, MOLA_INVALID, "%s: %s", wrong,
                         reason ? reason : "cannot be used for TLS");
    }
    *out = tls;
    return MOLA_OK;
}

static ssize_t tls_result(mola_conn *c, int result)
{
    switch (SSL_get_error(c->tls, result)) {
    case SSL_ERROR_WANT_READ:
        return MOLA_WIRE_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        mola_conn_wait_writable(c);
        return MOLA_WIRE_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return MOLA_WIRE_FAILED;
    }
}

int mola_wire_shake_hands(mola_conn *c)
{
    ERR_clear_error();
    int result = SSL_accept(c->tls);
    if (result == 1)
        return 1;
    return tls_result(c, result) == MOLA_WIRE_AGAIN ? MOLA_WIRE_AGAIN : MOLA_WIRE_FAILED;
}

ssize_t mola_wire_read(mola_conn *c, void *into, size_t room)
{
    if (c->tls) {
        ERR_clear_error();
        int n = SSL_read(c->tls, into, room < INT_MAX ? (int)room : INT_MAX);
        return n > 0 ? n : tls_result(c, n);
    }
    ssize_t n = recv(h2o_socket_get_fd(c->sock), into, room, 0);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? MOLA_WIRE_AGAIN : MOLA_WIRE_FAILED;
}

ssize_t mola_wire_write(mola_conn *c, const char *bytes, size_t size, bool more_follows)
{
    if (c->tls) {
        ERR_clear_error();
        int n = SSL_write(c->tls, bytes, size < INT_MAX ? (int)size : INT_MAX);
        if (n > 0)
            return n;
        ssize_t result = tls_result(c, n);
        return result == MOLA_WIRE_AGAIN ? MOLA_WIRE_AGAIN : MOLA_WIRE_FAILED;
    }
    ssize_t n =
        send(h2o_socket_get_fd(c->sock), bytes, size, MSG_NOSIGNAL | (more_follows ? MSG_MORE : 0));
    if (n > 0)
        return n;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return MOLA_WIRE_FAILED;
    mola_conn_wait_writable(c);
    return MOLA_WIRE_AGAIN;
}

bool mola_wire_is_pending(const mola_conn *c)
{
    return c->tls && SSL_pending(c->tls) > 0;
}

void mola_wire_finish(mola_conn *c)
{
    if (c->tls) {
        ERR_clear_error();
        (void)SSL_shutdown(
            c->tls); /* sends close_notify; a full buffer or a broken peer changes nothing */
    }
    (void)shutdown(h2o_socket_get_fd(c->sock), SHUT_WR);
}
