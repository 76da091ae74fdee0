/* Pinned namespaces (reference 9.5): their views are opened when the server starts, and stay; what
 * stands in their segments is read into memory at once and again after each publication, and gives
 * way only when nothing else is left (mola_evict_one).
 *
 * That a namespace is pinned says its state. pin/{name} is a marker, never truth: where to look
 * after a start, and how many there are. It is put before the settings are written; this thread
 * takes it away when the state says otherwise. Which names it keeps is known to it alone. */
#include "namespace/part.h"
#include "namespace/segment.h"

/* A pinned view is caught up once in W, and all markers are listed so often. */
enum { LIST_SECONDS = 600, LIST_AGAIN_SECONDS = 5, LOOK_SECONDS = 5, USE_SECONDS = 60 };
enum { ROOM_STEP = 64 };

typedef struct {
    mola_name *name; /* one user */
    uint64_t looked_ns, bytes;
    uint64_t ver; /* of the manifest that it is warm for; 0: of none */
    bool has_marker;
} pinned;

typedef struct {
    mola_namespaces *all;
    pinned *pins;
    size_t count, room;
    uint64_t list_at_ns; /* the next time */
    mola_buf strays; /* hashes of the markers that the last LIST found without a pinned namespace */
} pinner;

/* ------------------------------------------------------------------ what views say */
bool mola_pin_follow(mola_name *name, const mola_view *view, bool is_first)
{
    bool pins = view->state && view->state->pinned_replicas && !view->sealed;
    bool changed =
        pins != name->pinned || (pins && (is_first || view->manifest_ver != name->pin_ver));
    if (changed)
        name->warm = false;
    name->pinned = pins;
    name->pin_ver = view->manifest_ver;
    for (uint32_t i = 0; changed && i < view->segment_count; i++) {
        mola_segment *segment = view->parts[i].part->segment;
        if (segment)
            mola_pages_keep(&name->all->pages, &segment->kept, pins);
    }
    return changed && name->all->pins;
}

void mola_pin_notice(mola_name *name)
{
    if (name->all->pins)
        mola_queue_add(name, MOLA_QUEUE_PINS, &name->all->pin_changed);
}

void mola_pin_reconsider(mola_namespaces *all, mola_str text)
{
    mola_name *name = mola_name_open(all, text);
    if (!name)
        return;
    mola_pin_notice(name);
    mola_name_close(name);
}

/* ------------------------------------------------------------------ use */
static void turn_use(mola_pin_use *use, uint64_t now)
{
    uint64_t window = USE_SECONDS * MOLA_SECOND, past = now - use->began_ns;
    if (past < window)
        return;
    use->before_ns = past < 2 * window && use->began_ns ? use->now_ns : 0;
    use->now_ns = 0;
    use->began_ns = now - past % window;
}

void mola_pin_used(mola_namespaces *all, mola_str text, uint64_t slot_ns)
{
    mola_name *name = mola_name_open(all, text);
    if (!name)
        return;
    mola_lock_take(&name->lock);
    turn_use(&name->pin_use, mola_boot_ns(all->env));
    name->pin_use.now_ns += slot_ns;
    mola_lock_give(&name->lock);
    mola_name_close(name);
}

/* Inline segments stand in the manifest, which a view holds. */
static bool is_in_memory(const mola_view *view)
{
    for (uint32_t i = 0; i < view->segment_count; i++) {
        const mola_segment *segment = view->parts[i].part->segment;
        if (segment && !segment->objects)
            return false;
    }
    return true;
}

mola_pin_status mola_pin_look(mola_namespaces *all, mola_str text, const mola_view *view)
{
    mola_pin_status out = {.warm = is_in_memory(view), .within_ns = 1};
    mola_name *name = mola_name_open(all, text);
    if (!name)
        return out;
    uint64_t now = mola_boot_ns(all->env);
    mola_lock_take(&name->lock);
    turn_use(&name->pin_use, now);
    out.warm |= name->warm && name->view && name->view->epoch == view->epoch;
    out.slot_ns = name->pin_use.now_ns + name->pin_use.before_ns;
    out.within_ns = now - name->pin_use.began_ns + 1;
    if (name->pin_use.before_ns)
        out.within_ns += USE_SECONDS * MOLA_SECOND;
    mola_lock_give(&name->lock);
    mola_name_close(name);
    return out;
}

/* ------------------------------------------------------------------ markers */
static mola_err put_marker(mola_ctx *ctx, mola_namespaces *all, mola_str name)
{
    mola_key key = mola_key_pin(all->org, name);
    mola_store_op op = {.verb = MOLA_PUT, .key = mola_key_str(&key), .body = name};
    mola_store_run(all->env->store, ctx, &op, 1);
    return op.err;
}

/* What became of it does not matter: a marker too many is found again. */
static void delete_marker(mola_ctx *ctx, mola_namespaces *all, mola_str name)
{
    mola_key key = mola_key_pin(all->org, name);
    mola_store_op op = {.verb = MOLA_DELETE, .key = mola_key_str(&key)};
    mola_store_run(all->env->store, ctx, &op, 1);
}

/* Calls `see` for each marker. */
static mola_err walk_markers(mola_ctx *ctx, mola_namespaces *all,
                             void (*see)(void *of, mola_ctx *ctx, mola_str name), void *of)
{
    mola_key prefix = mola_key_pin(all->org, (mola_str){0});
    mola_str after = {0};
    mola_store_op op;
    do {
        op = (mola_store_op){.verb = MOLA_LIST, .key = mola_key_str(&prefix), .start_after = after};
        mola_store_run(all->env->store, ctx, &op, 1);
        if (op.err)
            return mola_fail(ctx->why, op.err, "the markers of pinned namespaces cannot be listed");
        for (uint32_t i = 0; i < op.entry_count; i++) {
            mola_str name;
            if (mola_key_parse_pin(all->org, op.entries[i].key, &name))
                see(of, ctx, name);
        }
        if (op.entry_count)
            after = op.entries[op.entry_count - 1].key;
    } while (op.truncated && op.entry_count);
    return MOLA_OK;
}

typedef struct {
    mola_namespaces *all;
    mola_str own;
    uint64_t others;
} counting;

/* Whether the namespace is pinned for certain, or nobody can say. */
static bool may_be_pinned(mola_ctx *ctx, mola_namespaces *all, mola_str text)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_state *guess = mola_namespace_guess_state(all, text);
    bool doubtful = guess && !guess->pinned_replicas;
    if (guess)
        mola_state_unref(guess);
    mola_view *view;
    if (!doubtful || mola_namespace_read(ctx, all, text, &strong, &view))
        return true;
    bool pins = view->state->pinned_replicas != 0;
    mola_view_unref(view);
    return pins;
}

/* One that is not pinned any more does not count: its marker will go. */
static void count_marker(void *of, mola_ctx *ctx, mola_str text)
{
    counting *c = of;
    c->others += !mola_str_eq(text, c->own) && may_be_pinned(ctx, c->all, text);
    mola_why_clear(ctx->why);
}

mola_err mola_pin_reserve(mola_ctx *ctx, mola_namespaces *all, mola_str text, uint64_t most)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view;
    mola_err err = mola_namespace_read(ctx, all, text, &strong, &view);
    if (err == MOLA_NOT_FOUND) {
        mola_why_clear(ctx->why);
        return MOLA_OK;
    }
    if (err)
        return err;
    bool is_pinned = view->state->pinned_replicas != 0;
    mola_view_unref(view);
    counting c = {.all = all, .own = text};
    if (!is_pinned)
        err = walk_markers(ctx, all, count_marker, &c);
    if (is_pinned || err)
        return err;
    if (c.others >= most) {
        return mola_fail(ctx->why, MOLA_INVALID, "at most %llu namespaces can be pinned",
                         (unsigned long long)most);
    }
    err = put_marker(ctx, all, text);
    return err ? mola_fail(ctx->why, MOLA_UNAVAILABLE, "not pinned: the store does not answer")
               : MOLA_OK;
}

/* ------------------------------------------------------------------ the names that are kept */
static pinned *find(pinner *p, const mola_name *name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->pins[i].name == name)
            return &p->pins[i];
    }
    return NULL;
}

/* Takes one user of the name over. NULL: no memory. */
static pinned *keep(pinner *p, mola_name *name)
{
    if (p->count == p->room) {
        pinned *wider = mola_realloc(p->all->env->heap, p->pins, p->room * sizeof *wider,
                                     (p->room + ROOM_STEP) * sizeof *wider);
        if (!wider)
            return NULL;
        p->pins = wider;
        p->room += ROOM_STEP;
    }
    p->pins[p->count] = (pinned){.name = name};
    return &p->pins[p->count++];
}

static void let_go(pinner *p, pinned *pin)
{
    mola_name *name = pin->name;
    *pin = p->pins[--p->count];
    mola_pages_loosen(&p->all->pages);
    mola_name_close(name);
}

/* What views may take in memory is for others, too. */
static uint64_t room_for(const pinner *p, const pinned *pin)
{
    uint64_t room = p->all->views.heap.limit / 2;
    for (size_t i = 0; i < p->count; i++) {
        if (&p->pins[i] != pin)
            room -= p->pins[i].bytes < room ? p->pins[i].bytes : room;
    }
    return room;
}

static void warm(pinner *p, mola_ctx *ctx, pinned *pin, const mola_view *view)
{
    uint64_t room = room_for(p, pin), bytes = 0;
    mola_name *name = pin->name;
    mola_err err = mola_view_warm(ctx, view, room, &bytes);
    mola_view_release(ctx, NULL);
    pin->bytes = bytes < room ? bytes : room;
    pin->ver = err ? 0 : view->manifest_ver;
    if (err && mola_boot_ns(ctx->env) >= ctx->deadline_ns)
        pin->looked_ns = 0; /* it goes on when others had their turn: the server can stop between */
    bool whole = !err && bytes <= room;
    mola_lock_take(&name->lock);
    name->warm = whole && name->view && name->view->epoch == view->epoch &&
                 name->pin_ver == view->manifest_ver;
    mola_lock_give(&name->lock);
    if (!err && !whole) {
        mola_log(ctx->env, MOLA_LOG_WARN, "pinned_namespace_does_not_fit", "name=%.*s room=%llu",
                 MOLA_ARG(mola_name_str(name)), (unsigned long long)room);
    }
}

static bool is_warm(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    return name->warm;
}

/* Catches up with the namespace and does what its state asks for. `users`: those of the name that
 * are given away here. */
static void look(pinner *p, mola_ctx *ctx, mola_name *name)
{
    mola_view *view = NULL;
    mola_err err = mola_strong_read(ctx, name, &view);
    pinned *pin = find(p, name);
    bool pins = !err && view->state->pinned_replicas;
    if (pins && !pin && (pin = keep(p, name)))
        mola_name_open(p->all, mola_name_str(name)); /* the one that `keep` takes over */
    if (pin)
        pin->looked_ns = mola_boot_ns(ctx->env);
    if (pins && pin && !pin->has_marker)
        pin->has_marker = put_marker(ctx, p->all, mola_name_str(name)) == MOLA_OK;
    if (pins && pin && (pin->ver != view->manifest_ver || !is_warm(name)))
        warm(p, ctx, pin, view);
    if (view)
        mola_view_unref(view);
    if (err && err != MOLA_NOT_FOUND) /* a store that does not answer changes nothing */
        return;
    if (!pins) {
        delete_marker(ctx, p->all, mola_name_str(name));
        if (pin)
            let_go(p, pin);
    }
}

/* ------------------------------------------------------------------ all markers */
typedef struct {
    pinner *p;
    mola_buf strays; /* of this LIST */
} listing;

static bool was_stray(const pinner *p, uint64_t hash)
{
    for (size_t at = 0; at < p->strays.len; at += sizeof hash) {
        if (memcmp(p->strays.data + at, &hash, sizeof hash) == 0)
            return true;
    }
    return false;
}

/* A marker whose namespace is not pinned is of somebody who is about to pin it, or failed to. */
static void see_marker(void *of, mola_ctx *ctx, mola_str text)
{
    listing *l = of;
    pinner *p = l->p;
    mola_name *name = mola_name_open(p->all, text);
    if (!name)
        return;
    pinned *pin = find(p, name);
    if (pin) {
        pin->has_marker = true;
        mola_name_close(name);
        return;
    }
    mola_view *view = NULL;
    mola_err err = mola_strong_read(ctx, name, &view);
    bool pins = !err && view->state->pinned_replicas;
    if (view)
        mola_view_unref(view);
    uint64_t hash = mola_hash64(text);
    if (pins && (pin = keep(p, name))) {
        pin->has_marker = true; /* its turn comes with the others that were not looked at yet */
        return;
    }
    if (err == MOLA_NOT_FOUND || (!err && !pins)) {
        if (was_stray(p, hash)) {
            delete_marker(ctx, p->all, text);
        } else {
            mola_buf_add(&l->strays, &hash, sizeof hash);
        }
    }
    mola_name_close(name);
}

static void list_markers(pinner *p, mola_ctx *ctx)
{
    listing l = {.p = p};
    mola_buf_init(&l.strays, p->all->env->heap);
    for (size_t i = 0; i < p->count; i++)
        p->pins[i].has_marker = false;
    mola_err err = walk_markers(ctx, p->all, see_marker, &l);
    if (err) { /* nothing is known: none is put again for that */
        for (size_t i = 0; i < p->count; i++)
            p->pins[i].has_marker = true;
        mola_buf_free(&l.strays);
    } else {
        mola_buf_free(&p->strays);
        p->strays = l.strays;
    }
    uint64_t pause = err ? LIST_AGAIN_SECONDS : LIST_SECONDS;
    p->list_at_ns = mola_boot_ns(p->all->env) + pause * MOLA_SECOND;
}

/* ------------------------------------------------------------------ the thread */
/* Runs one step with a ctx of its own: of listing when there is no name. */
static void step(pinner *p, mola_name *name)
{
    mola_env *env = p->all->env;
    mola_arena arena;
    mola_why why;
    mola_why_clear(&why);
    mola_arena_init(&arena, env->heap, SIZE_MAX);
    mola_ctx ctx = {.env = env,
                    .arena = &arena,
                    .why = &why,
                    .deadline_ns = mola_boot_ns(env) + LOOK_SECONDS * MOLA_SECOND};
    if (name) {
        look(p, &ctx, name);
    } else {
        list_markers(p, &ctx);
    }
    mola_view_release(&ctx, NULL);
    mola_arena_reset(&arena);
}

/* The kept name that was looked at longest ago; *due_ns: when its turn is. */
static mola_name *next_kept(const pinner *p, uint64_t *due_ns)
{
    const pinned *first = NULL;
    for (size_t i = 0; i < p->count; i++) {
        if (!first || p->pins[i].looked_ns < first->looked_ns)
            first = &p->pins[i];
    }
    if (first)
        *due_ns = first->looked_ns ? first->looked_ns + p->all->fence_ns : 0;
    return first ? first->name : NULL;
}

/* Registry lock held before and after, not meanwhile. */
static void turn(pinner *p)
{
    mola_namespaces *all = p->all;
    uint64_t now = mola_boot_ns(all->env), due = MOLA_NEVER;
    mola_name *queued = mola_queue_take(all, MOLA_QUEUE_PINS), *kept = next_kept(p, &due);
    if (!queued && now < due && now < p->list_at_ns) {
        uint64_t until = due < p->list_at_ns ? due : p->list_at_ns;
        (void)mola_event_wait(&all->pin_changed, &all->lock, until);
        return;
    }
    mola_lock_give(&all->lock);
    if (queued) {
        step(p, queued);
        mola_name_close(queued);
    } else if (now >= p->list_at_ns) {
        step(p, NULL);
    } else {
        step(p, kept);
    }
    mola_lock_take(&all->lock);
}

void mola_pins_run(void *argument)
{
    mola_namespaces *all = argument;
    pinner p = {.all = all};
    mola_buf_init(&p.strays, all->env->heap);
    mola_lock_take(&all->lock);
    while (!all->closing)
        turn(&p);
    mola_queue_drop(all, MOLA_QUEUE_PINS);
    for (size_t i = 0; i < p.count; i++)
        p.pins[i].name->users--;
    mola_lock_give(&all->lock);
    mola_buf_free(&p.strays);
    mola_free(all->env->heap, p.pins, p.room * sizeof *p.pins);
    mola_lock_take(&all->lock);
    all->pinner_ended = true;
    mola_event_wake_all(&all->changed);
    mola_lock_give(&all->lock);
}
