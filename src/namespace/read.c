#include "namespace/name.h"

enum { ROUNDS_MAX = 12 };

static mola_err fail_absent(mola_ctx *ctx, const mola_name *name)
{
    return mola_fail(ctx->why, MOLA_NOT_FOUND, "namespace '%.*s' was not found", (int)name->len,
                     name->text);
}

/* I8: a SEAL ends this incarnation and says nothing about the next one; only ns/{name}, read now,
 * does. MOLA_CONFLICT: the name lives again. */
static mola_err read_past_seal(mola_ctx *ctx, mola_name *name, const uint8_t nsid[16])
{
    mola_err err = mola_hold_refresh(ctx, name);
    if (err)
        return err;
    mola_held *held = mola_hold_get(name);
    bool absent = held && (held->manifest.deleted || mola_same_nsid(held->manifest.nsid, nsid));
    mola_held_unref(held);
    if (absent)
        return fail_absent(ctx, name);
    MOLA_SOMETIMES(read_met_seal_and_rebirth);
    return MOLA_CONFLICT;
}

/* Everything that is read here is read by requests sent after the probe began. */
static mola_err probe(mola_ctx *ctx, mola_name *name, mola_view **out)
{
    bool asked = false; /* the hold was read by this probe */
    for (int round = 0; round < ROUNDS_MAX; round++) {
        mola_held *held = mola_hold_get(name);
        bool dead = held && held->manifest.deleted;
        mola_held_unref(held);
        if (dead && asked)
            return fail_absent(ctx, name);
        if (!held || dead) {
            mola_err err = mola_hold_refresh(ctx, name);
            if (err)
                return err;
            asked = true;
            continue;
        }
        mola_view *view;
        mola_err err = mola_view_open(ctx, name, &view);
        if (err == MOLA_NOT_FOUND || err == MOLA_CONFLICT)
            continue;
        if (err)
            return err;
        err = mola_catch_up(ctx, name, &view);
        if (!err && view->sealed)
            err = read_past_seal(ctx, name, view->nsid);
        if (!err) {
            *out = view;
            return MOLA_OK;
        }
        mola_view_unref(view);
        if (err != MOLA_CONFLICT)
            return err;
        mola_hold_drop(name);
        asked = false;
    }
    return mola_fail(ctx->why, MOLA_UNAVAILABLE, "namespace '%.*s' is changing too fast",
                     (int)name->len, name->text);
}

/* The cached view, or a newer one, is what a probe sent at `sent` has seen. Lock held. */
static void note_proof(mola_name *name, const mola_view *seen, uint64_t sent)
{
    const mola_view *now = name->view;
    if (!now || now->epoch != seen->epoch || now->seq < seen->seq)
        return;
    if (!name->proved || name->proved_ns < sent)
        name->proved_ns = sent;
    name->proved = true;
}

/* Sends probe number `mine`; the lock is held before and after, not meanwhile. */
static mola_err send_probe(mola_ctx *ctx, mola_name *name, mola_view **out)
{
    uint64_t mine = ++name->probes_sent;
    mola_lock_give(&name->lock);
    mola_count(ctx->env->metrics, MOLA_M_probes_total, 1);
    mola_why why;
    mola_why_clear(&why);
    mola_ctx own = *ctx;
    own.why = &why;
    uint64_t sent = mola_boot_ns(ctx->env);
    mola_view *view = NULL, *unshared;
    mola_err err = probe(&own, name, &view);
    ctx->roundtrips = own.roundtrips;
    if (err)
        (void)mola_fail(ctx->why, err, MOLA_FMT, MOLA_ARG(mola_why_text(&why)));

    mola_lock_take(&name->lock);
    unshared = name->shared_view;
    name->shared_view = NULL;
    name->shared_err = err;
    name->shared_why = why;
    if (!err) {
        MOLA_ASSERT(view);
        note_proof(name, view, sent);
        if (name->waiting > 1) { /* somebody besides the sender */
            mola_view_ref(view);
            name->shared_view = view;
        }
    }
    name->probes_done = mine;
    mola_event_wake_all(&name->probed);
    mola_lock_give(&name->lock);
    if (unshared)
        mola_view_unref(unshared);
    mola_lock_take(&name->lock);
    *out = view;
    return err;
}

/* Waits until no probe is in flight or `ticket` is done. Lock held before and after. false: the
 * deadline is over. */
static bool wait_for_probe(mola_ctx *ctx, mola_name *name, uint64_t ticket)
{
    mola_lock_give(&name->lock); /* a job takes its permit back without holding locks */
    mola_job_pause(ctx->job);
    mola_lock_take(&name->lock);
    bool in_time = true;
    while (in_time && name->probes_done < ticket && name->probes_sent > name->probes_done)
        in_time = mola_event_wait(&name->probed, &name->lock, ctx->deadline_ns);
    mola_lock_give(&name->lock);
    mola_job_resume(ctx->job);
    mola_lock_take(&name->lock);
    return in_time;
}

/* I13: a strong read waits for a probe that was sent after it arrived. It may share one that was
 * not sent yet, never one in flight. Lock held before and after. */
static mola_err wait_or_probe(mola_ctx *ctx, mola_name *name, mola_view **out)
{
    uint64_t ticket = name->probes_sent + 1;
    if (name->probes_sent > name->probes_done)
        MOLA_SOMETIMES(probe_in_flight_not_joined);
    for (;;) {
        if (name->probes_done >= ticket) {
            if (name->shared_err != MOLA_UNAVAILABLE)
                break;
            ticket = name->probes_sent + 1; /* its sender ran out of time; we have some left */
        }
        if (name->probes_sent == name->probes_done)
            return send_probe(ctx, name, out);
        if (!wait_for_probe(ctx, name, ticket))
            return mola_fail_late(ctx);
    }
    MOLA_SOMETIMES(probe_shared);
    mola_count(ctx->env->metrics, MOLA_M_probes_shared_total, 1);
    if (name->shared_err) {
        return mola_fail(ctx->why, name->shared_err, MOLA_FMT,
                         MOLA_ARG(mola_why_text(&name->shared_why)));
    }
    mola_view_ref(name->shared_view);
    *out = name->shared_view;
    return MOLA_OK;
}

mola_err mola_strong_read(mola_ctx *ctx, mola_name *name, mola_view **out)
{
    mola_lock_take(&name->lock);
    name->waiting++;
    mola_err err = wait_or_probe(ctx, name, out);
    mola_view *unshared = NULL;
    if (--name->waiting == 0) {
        unshared = name->shared_view;
        name->shared_view = NULL;
    }
    mola_lock_give(&name->lock);
    if (unshared)
        mola_view_unref(unshared);
    return err;
}

/* A view whose last settled probe is young enough. A refresh of the manifest does not renew it:
 * that does not see the tail. */
static bool read_cached(mola_name *name, uint64_t staleness_ns, mola_view **out)
{
    MOLA_LOCKED(&name->lock);
    mola_view *view = name->view;
    if (!view || view->sealed || !name->proved)
        return false;
    uint64_t now = mola_boot_ns(name->all->env);
    if (now > name->proved_ns && now - name->proved_ns > staleness_ns)
        return false;
    mola_view_ref(view);
    *out = view;
    return true;
}

mola_err mola_namespace_read(mola_ctx *ctx, mola_namespaces *all, mola_str text,
                             const mola_freshness *freshness, mola_view **out)
{
    mola_name *name = mola_name_open(all, text);
    if (!name)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory to open a namespace");
    mola_name_use(name);
    mola_err err = MOLA_OK;
    if (freshness->level == MOLA_READ_STRONG || !read_cached(name, freshness->staleness_ns, out))
        err = mola_strong_read(ctx, name, out);
    mola_name_close(name);
    return err;
}
