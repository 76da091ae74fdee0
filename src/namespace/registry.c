#include "mola/codec/block.h"
#include "namespace/name.h"

enum { ENTRY_BYTES_MAX = 16 << 20 };

enum {
    BUCKETS = 16384,
    NAMES_MAX = 16384, /* beyond that, names that nobody uses are forgotten */
};

/* ------------------------------------------------------------------ the heap of views */
static void *take_counted(mola_heap *heap, size_t size)
{
    mola_view_heap *views = (mola_view_heap *)heap;
    void *block = mola_realloc(views->parent, NULL, 0, size);
    if (block)
        mola_count(views->metrics, MOLA_M_view_bytes, (int64_t)size);
    return block;
}

static void give_counted(mola_heap *heap, void *block, size_t size)
{
    mola_view_heap *views = (mola_view_heap *)heap;
    mola_free(views->parent, block, size);
    mola_count(views->metrics, MOLA_M_view_bytes, -(int64_t)size);
}

/* ------------------------------------------------------------------ names */
static mola_name **bucket_of(mola_namespaces *all, mola_str text)
{
    return &all->buckets[mola_hash64(text) % BUCKETS];
}

static void unlink_use(mola_namespaces *all, mola_name *name)
{
    *(name->newer ? &name->newer->older : &all->newest) = name->older;
    *(name->older ? &name->older->newer : &all->oldest) = name->newer;
}

static void link_newest(mola_namespaces *all, mola_name *name)
{
    name->newer = NULL;
    name->older = all->newest;
    *(all->newest ? &all->newest->newer : &all->oldest) = name;
    all->newest = name;
}

static void name_free(mola_name *name)
{
    mola_heap *heap = name->all->env->heap;
    MOLA_ASSERT(name->users == 0 && !name->shared_view);
    if (name->view)
        mola_view_unref(name->view);
    mola_held_unref(name->held);
    mola_event_free(&name->probed);
    mola_lock_free(&name->lock);
    mola_free(heap, name, sizeof *name + name->len);
}

static void forget_name(mola_namespaces *all, mola_name *name)
{
    mola_name **at = bucket_of(all, mola_name_str(name));
    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
    unlink_use(all, name);
    all->name_count--;
    name_free(name);
}

static mola_name *add_name(mola_namespaces *all, mola_str text)
{
    mola_name *name = mola_alloc(all->env->heap, sizeof *name + text.len);
    if (!name)
        return NULL;
    name->all = all;
    name->len = text.len;
    memcpy(name->text, text.data, text.len);
    mola_lock_init(&name->lock, all->env, MOLA_RANK_NAMESPACE);
    mola_event_init(&name->probed, all->env);
    mola_name **bucket = bucket_of(all, text);
    name->next = *bucket;
    *bucket = name;
    link_newest(all, name);
    all->name_count++;
    return name;
}

/* Callers may ask for any name they like; what nobody uses any more makes room. */
static void forget_unused(mola_namespaces *all)
{
    for (mola_name *name = all->oldest, *newer; name && all->name_count >= NAMES_MAX;
         name = newer) {
        newer = name->newer;
        if (name->users == 0)
            forget_name(all, name);
    }
}

static mola_name *find_name(mola_namespaces *all, mola_str text)
{
    for (mola_name *name = *bucket_of(all, text); name; name = name->next) {
        if (mola_str_eq(mola_name_str(name), text))
            return name;
    }
    return NULL;
}

mola_name *mola_name_open(mola_namespaces *all, mola_str text)
{
    MOLA_ASSERT(mola_name_ok(text));
    MOLA_LOCKED(&all->lock);
    mola_name *name = find_name(all, text);
    if (!name) {
        forget_unused(all);
        name = add_name(all, text);
    }
    if (name)
        name->users++;
    return name;
}

void mola_name_close(mola_name *name)
{
    MOLA_LOCKED(&name->all->lock);
    MOLA_ASSERT(name->users > 0);
    name->users--;
}

void mola_name_close_forgotten(mola_name *name)
{
    mola_namespaces *all = name->all;
    MOLA_LOCKED(&all->lock);
    MOLA_ASSERT(name->users > 0);
    if (--name->users == 0)
        forget_name(all, name);
}

/* One more user of a name that somebody has met; NULL: nobody has. */
static mola_name *open_known(mola_namespaces *all, mola_str text)
{
    MOLA_LOCKED(&all->lock);
    mola_name *name = find_name(all, text);
    if (name)
        name->users++;
    return name;
}

void mola_namespace_published(mola_ctx *ctx, mola_namespaces *all, mola_str text)
{
    mola_name *name = open_known(all, text);
    if (!name)
        return;
    mola_held *known = mola_manifest_known(name);
    if (known && !mola_hold_refresh(ctx, name))
        mola_view_follow(ctx, name);
    mola_why_clear(ctx->why); /* whoever needs it will ask, and report */
    mola_held_unref(known);
    mola_name_close(name);
}

void mola_name_use(mola_name *name)
{
    mola_namespaces *all = name->all;
    MOLA_LOCKED(&all->lock);
    name->used_ns = mola_boot_ns(all->env);
    if (all->newest != name) {
        unlink_use(all, name);
        link_newest(all, name);
    }
    if (all->keeper_rests)
        mola_event_wake_all(&all->changed);
}

mola_state *mola_namespace_guess_state(mola_namespaces *all, mola_str text)
{
    MOLA_LOCKED(&all->lock);
    mola_name *name = find_name(all, text);
    if (!name)
        return NULL;
    mola_lock_take(&name->lock);
    mola_state *state = name->view ? name->view->state : NULL;
    if (state)
        mola_state_ref(state);
    mola_lock_give(&name->lock);
    return state;
}

/* ------------------------------------------------------------------ queues */
void mola_queue_add(mola_name *name, mola_queue queue, mola_event *served)
{
    mola_namespaces *all = name->all;
    MOLA_LOCKED(&all->lock);
    if (name->queued[queue] || all->closing)
        return;
    name->queued[queue] = true;
    name->users++;
    name->queue_next[queue] = all->queues[queue];
    all->queues[queue] = name;
    mola_event_wake_all(served);
}

mola_name *mola_queue_take(mola_namespaces *all, mola_queue queue)
{
    mola_name *name = all->queues[queue];
    if (name) {
        all->queues[queue] = name->queue_next[queue];
        name->queue_next[queue] = NULL;
        name->queued[queue] = false;
    }
    return name;
}

void mola_queue_drop(mola_namespaces *all, mola_queue queue)
{
    for (mola_name *name; (name = mola_queue_take(all, queue)) != NULL;)
        name->users--;
}

/* ------------------------------------------------------------------ views */
mola_view *mola_view_cached(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    if (name->view)
        mola_view_ref(name->view);
    return name->view;
}

/* What may be taken: of pinned names, or of others; not of that name, and not of that incarnation
 * (NULL: any). */
typedef struct {
    bool pinned;
    const mola_name *except;
    const uint8_t *nsid;
} sparing;

static mola_view *take_view(mola_name *name, const sparing *how)
{
    MOLA_LOCKED(&name->lock);
    if (how && (name->pinned != how->pinned || name == how->except))
        return NULL;
    mola_view *view = name->view;
    if (view && how && how->nsid && mola_same_nsid(view->nsid, how->nsid))
        return NULL;
    name->view = NULL;
    name->warm = false;
    name->at_tail = name->proved = false;
    return view;
}

void mola_view_forget(mola_name *name)
{
    mola_view *view = take_view(name, NULL);
    if (view)
        mola_view_unref(view);
}

void mola_view_install(mola_name *name, mola_view *view, bool at_tail)
{
    mola_view *older = NULL;
    bool noticed = false;
    mola_lock_take(&name->lock);
    const mola_view *now = name->view;
    const mola_manifest *m = name->held ? &name->held->manifest : NULL;
    bool over = m && (m->epoch > view->epoch || (m->epoch == view->epoch && m->deleted));
    /* I14: a view replaces another only if its (epoch, seq) is higher. */
    bool forward =
        !now || view->epoch > now->epoch || (view->epoch == now->epoch && view->seq > now->seq);
    if (now && view->epoch == now->epoch && view->seq == now->seq) { /* the same rows, elsewhere */
        forward = view->manifest_ver > now->manifest_ver ||
                  (view->manifest_ver == now->manifest_ver &&
                   view->leased_until_ns > now->leased_until_ns);
    }
    if (!over && forward) {
        if (!now || now->epoch != view->epoch)
            name->at_tail = false;
        older = name->view;
        mola_view_ref(view);
        name->view = view;
        noticed = mola_pin_follow(name, view, !now);
    }
    if (name->view && name->view->epoch == view->epoch)
        name->at_tail |= at_tail;
    mola_lock_give(&name->lock);
    if (noticed)
        mola_pin_notice(name);
    if (older)
        mola_view_unref(older);
}

static mola_view *take_oldest(mola_namespaces *all, const sparing *how)
{
    mola_view *view = NULL;
    MOLA_LOCKED(&all->lock);
    for (mola_name *name = all->oldest; name && !view; name = name->newer)
        view = take_view(name, how);
    return view;
}

static bool evict(mola_namespaces *all, sparing how, mola_eviction *e)
{
    static const size_t bytes[] = {4 << 20, 64 << 20, 1 << 30, SIZE_MAX};
    enum { ROUNDS_OF_PAGES = sizeof bytes / sizeof bytes[0] };
    for (int order = MOLA_PAGES_LOOSE; order < MOLA_PAGE_ORDERS; order++) {
        uint32_t round = e->rounds[order]++;
        size_t wanted = bytes[round < ROUNDS_OF_PAGES ? round : ROUNDS_OF_PAGES - 1];
        if (mola_pages_evict(&all->pages, (mola_page_order)order, wanted) &&
            round < ROUNDS_OF_PAGES)
            return true;
        how.pinned = order == MOLA_PAGES_KEPT;
        mola_view *view = take_oldest(all, &how);
        if (!view)
            continue;
        mola_view_unref(view);
        mola_count(all->env->metrics, MOLA_M_view_evictions_total, 1);
        return true;
    }
    return false;
}

bool mola_evict_one(mola_namespaces *all, const mola_name *except, mola_eviction *e)
{
    return evict(all, (sparing){.except = except}, e);
}

bool mola_evict_beside(mola_namespaces *all, const uint8_t nsid[16], mola_eviction *e)
{
    return evict(all, (sparing){.nsid = nsid}, e);
}

mola_err mola_fail_room(mola_name *name, mola_why *why)
{
    return mola_fail(why, MOLA_NO_MEMORY,
                     "namespace '%.*s' does not fit in the %zu bytes for views on this server",
                     (int)name->len, name->text, name->all->views.heap.limit);
}

/* ------------------------------------------------------------------ the registry */
mola_err mola_namespaces_open(const mola_namespaces_config *config, mola_namespaces **out)
{
    mola_env *env = config->env;
    MOLA_ASSERT(env->store && config->fence_ns > 0);
    size_t size = sizeof(mola_namespaces) + config->org.len;
    mola_namespaces *all = mola_alloc(env->heap, size);
    mola_name **buckets = mola_alloc_array(env->heap, mola_name *, BUCKETS);
    if (!all || !buckets) {
        mola_free(env->heap, all, all ? size : 0);
        mola_free(env->heap, buckets, buckets ? BUCKETS * sizeof(mola_name *) : 0);
        return MOLA_NO_MEMORY;
    }
    all->env = env;
    if (config->org.len)
        memcpy(all + 1, config->org.data, config->org.len);
    all->org = (mola_str){(const char *)(all + 1), config->org.len};
    all->fence_ns = config->fence_ns;
    all->entry_bytes_max = config->entry_bytes_max ? config->entry_bytes_max : ENTRY_BYTES_MAX;
    all->views = (mola_view_heap){.parent = env->heap, .metrics = env->metrics};
    all->views.heap.take = take_counted;
    all->views.heap.give = give_counted;
    all->views.heap.limit = config->view_bytes_max;
    all->unindexed = config->unindexed;
    all->unindexed_of = config->unindexed_of;
    all->hints = config->hints;
    all->pins = config->pins;
    all->pinner_ended = !config->pins;
    mola_pages_init(&all->pages, env);
    all->buckets = buckets;
    mola_lock_init(&all->lock, env, MOLA_RANK_REGISTRY);
    mola_event_init(&all->changed, env);
    mola_event_init(&all->pin_changed, env);
    mola_err err = env->ops->spawn(env, "keeper", mola_keeper_run, all);
    if (err)
        all->keeper_ended = all->pinner_ended = true;
    if (!err && all->pins && (err = env->ops->spawn(env, "pinner", mola_pins_run, all)))
        all->pinner_ended = true;
    if (err) {
        mola_namespaces_close(all);
        return err;
    }
    *out = all;
    return MOLA_OK;
}

void mola_namespaces_rest(mola_namespaces *all)
{
    MOLA_LOCKED(&all->lock);
    all->closing = true;
    mola_event_wake_all(&all->changed);
    mola_event_wake_all(&all->pin_changed);
    while (!all->keeper_ended || !all->pinner_ended)
        (void)mola_event_wait(&all->changed, &all->lock, MOLA_NEVER);
}

void mola_namespaces_close(mola_namespaces *all)
{
    mola_heap *heap = all->env->heap;
    mola_namespaces_rest(all);
    mola_lock_take(&all->lock);
    while (all->oldest)
        forget_name(all, all->oldest);
    mola_lock_give(&all->lock);
    MOLA_ASSERT(atomic_load(&all->views.heap.used) == 0); /* views outlive no registry */
    mola_pages_free(&all->pages);
    mola_event_free(&all->changed);
    mola_event_free(&all->pin_changed);
    mola_lock_free(&all->lock);
    mola_free(heap, all->buckets, BUCKETS * sizeof(mola_name *));
    mola_free(heap, all, sizeof *all + all->org.len);
}
