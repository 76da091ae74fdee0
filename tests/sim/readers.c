/* readers.c - those who read whole namespaces, in every way that query code reads. */
#include "mola/namespace/publish.h"
#include "sim.h"

enum { NEEDS_MAX = 512, COLUMNS = 4 };

/* Attributes of the table: the id, then v, w, x where the state has them. */
static uint32_t attributes(const mola_view *view, uint32_t attrs[COLUMNS])
{
    static const char *const names[] = {"v", "w", "x"};
    uint32_t count = 1;
    attrs[0] = MOLA_ATTR_ID;
    for (size_t i = 0; i < 3; i++) {
        const mola_attr *a = mola_state_find(view->state, mola_str_of(names[i]));
        if (a)
            attrs[count++] = a->id;
    }
    return count;
}

static void take_cell(const mola_view *view, sim_row *row, uint32_t attr, const mola_column *cells,
                      uint32_t at)
{
    if (!mola_column_has(cells, at))
        return;
    mola_value value = mola_column_cell(cells, at);
    mola_str name = mola_state_attr(view->state, attr)->name;
    switch (name.data[0]) {
    case 'v':
        row->v = value.i;
        break;
    case 'w':
        row->has_w = true;
        row->w = value.i;
        break;
    default:
        row->x = value.elem == MOLA_ELEM_INT ? 1 : 2;
    }
}

/* The live rows of one window, all of it pinned. */
static void take_window(const mola_view *view, const uint32_t *attrs, uint32_t attr_count,
                        uint32_t p, uint32_t window, sim_row rows[ROWS])
{
    const mola_view_part *part = &view->parts[p];
    mola_column ids, cells;
    if (!mola_part_column(part->part, MOLA_ATTR_ID, window, &ids)) {
        judge_violation("a part without ids");
        return;
    }
    for (uint32_t r = 0; r < ids.rows; r++) {
        if (!mola_bit(part->live, window * MOLA_WINDOW_ROWS + r))
            continue;
        int index = sim_row_of(mola_column_cell(&ids, r).u);
        if (index < 0 || rows[index].exists) {
            judge_violation("a view at (%llu, %llu) has document %d twice, or one that nobody "
                            "wrote",
                            (unsigned long long)view->epoch, (unsigned long long)view->seq, index);
            return;
        }
        rows[index].exists = true;
        for (uint32_t a = 1; a < attr_count; a++)
            if (mola_part_column(part->part, attrs[a], window, &cells))
                take_cell(view, &rows[index], attrs[a], &cells, r);
    }
}

/* Every row, part after part or in one batch, as a scan would. */
static mola_err scan(mola_ctx *ctx, const mola_view *view, sim_row rows[ROWS])
{
    uint32_t attrs[COLUMNS], attr_count = attributes(view, attrs), count = 0, first = 0;
    bool together = sim_below(2);
    mola_need needs[NEEDS_MAX];
    mola_err err = MOLA_OK;
    for (uint32_t p = 0; p < view->part_count && !err; p++) {
        for (uint32_t a = 0; a < attr_count && count < NEEDS_MAX; a++)
            needs[count++] = (mola_need){p, attrs[a], 0, mola_windows(view->parts[p].rows)};
        bool enough = !together || p + 1 == view->part_count || count > NEEDS_MAX - COLUMNS;
        if (!enough)
            continue;
        mola_pin *mark = ctx->pins;
        err = mola_view_fetch(ctx, view, needs, count);
        for (; first <= p && !err; first++)
            for (uint32_t w = 0; w < mola_windows(view->parts[first].rows); w++)
                take_window(view, attrs, attr_count, first, w, rows);
        mola_view_release(ctx, mark);
        count = 0;
    }
    return err;
}

static mola_err ids_of(mola_ctx *ctx, mola_column_builder *b)
{
    mola_column_builder_init(b, ctx->env->heap, (mola_type){.elem = MOLA_ELEM_UINT});
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < ROWS && !err; i++) {
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = i < DOCS ? i : 100 + i - DOCS};
        err = mola_column_add_value(b, &id);
    }
    return err;
}

/* Every row again, found by its id, as writes and lookups do. */
static mola_err look_up(mola_ctx *ctx, const mola_view *view, sim_row rows[ROWS])
{
    mola_column_builder b;
    mola_row_at at[ROWS], found[ROWS];
    uint32_t attrs[COLUMNS], attr_count = attributes(view, attrs), count = 0, which[ROWS];
    mola_column *columns = NULL;
    mola_pin *mark = ctx->pins;
    mola_err err = ids_of(ctx, &b);
    mola_column ids = mola_column_built(&b);
    if (!err)
        err = mola_view_locate(ctx, view, &ids, at);
    for (uint32_t i = 0; i < ROWS && !err; i++)
        if (at[i].part != MOLA_NOWHERE) {
            rows[i].exists = true;
            which[count] = i;
            found[count++] = at[i];
        }
    if (!err && count)
        err = mola_view_gather(ctx, view, found, count, attrs, attr_count, &columns);
    for (uint32_t i = 0; i < count && !err; i++) {
        if (sim_row_of(mola_column_cell(&columns[0], i).u) != (int)which[i])
            judge_violation("a row was located that has another id");
        for (uint32_t a = 1; a < attr_count; a++)
            if (columns[a].rows)
                take_cell(view, &rows[which[i]], attrs[a], &columns[a], i);
    }
    mola_view_release(ctx, mark);
    mola_column_builder_free(&b);
    return err;
}

static mola_err read_rows(mola_ctx *ctx, const mola_view *view, sim_row rows[ROWS])
{
    memset(rows, 0, ROWS * sizeof *rows);
    return sim_below(3) ? scan(ctx, view, rows) : look_up(ctx, view, rows);
}

/* The boot clock of this node says that the objects must still be there. */
static bool within_lease(const mola_view *view)
{
    return mola_boot_ns(&sim_me()->env) < view->leased_until_ns;
}

static bool late(const mola_ctx *ctx)
{
    return mola_boot_ns(ctx->env) >= ctx->deadline_ns;
}

/* One read by a client: the view, then its rows; again when the collector outran it. */
static void read_once(mola_ctx *ctx, uint32_t name, bool eventual)
{
    mola_freshness how = {.level = eventual ? MOLA_READ_EVENTUAL : MOLA_READ_STRONG,
                          .staleness_ns = limits.staleness_ns};
    sim_row rows[ROWS];
    uint64_t began = sim_now(), newest = judge_newest(name);
    mola_err err = MOLA_CONFLICT;
    while (err == MOLA_CONFLICT && !late(ctx) && !judge_failed()) {
        mola_view *view = NULL;
        err = mola_namespace_read(ctx, sim_my_engine()->namespaces, mola_str_of(sim_names[name]),
                                  &how, &view);
        if (!err && sim_below(10) == 0)
            sim_sleep(sim_below(SECONDS(3)));
        if (!err) {
            err = read_rows(ctx, view, rows);
            if (err == MOLA_CONFLICT && within_lease(view))
                judge_gone(name, view);
        }
        if (err && err != MOLA_NOT_FOUND && !(err == MOLA_CONFLICT && !late(ctx)))
            judge_unread(sim_me(), began, err);
        if ((!err || err == MOLA_NOT_FOUND) && !eventual)
            judge_read(name, view, rows, newest, began);
        /* the slowest boot clock makes 4 s of its own last 5.8 s; the answer took its time too */
        uint64_t oldest = limits.staleness_ns * 3 / 2;
        if (!err && eventual)
            judge_eventual(name, view, rows,
                           judge_newest_at(name, began > oldest ? began - oldest : 0));
        if (view)
            mola_view_unref(view);
    }
}

void sim_reader(void *unused)
{
    sim_node *node = sim_me();
    (void)unused;
    while (!sim_over()) {
        sim_sleep(sim_below(SECONDS(1)) / 2);
        mola_arena arena;
        mola_why why = {0};
        mola_arena_init(&arena, &node->heap, 1 << 20);
        mola_ctx ctx = {.env = &node->env,
                        .arena = &arena,
                        .why = &why,
                        .deadline_ns = mola_boot_ns(&node->env) + SECONDS(10)};
        read_once(&ctx, sim_pick_name(), sim_below(limits.eventual_share) == 0);
        mola_view_release(&ctx, NULL);
        mola_arena_reset(&arena);
    }
}

void sim_watcher(void *unused)
{
    sim_node *node = sim_me();
    (void)unused;
    while (!sim_over()) {
        sim_sleep(sim_below(limits.fence_ns / 8));
        uint32_t n = (uint32_t)sim_below(NAMES);
        mola_name *name = mola_name_open(sim_my_engine()->namespaces, mola_str_of(sim_names[n]));
        mola_held *held = name ? mola_manifest_known(name) : NULL;
        if (held)
            judge_known(node, n, mola_held_manifest(held)->ver);
        mola_held_unref(held);
        if (name)
            mola_name_close(name);
    }
}

/* Reads one view again and again, as long as its lease lasts. */
static void dwell(sim_node *node, uint32_t name, const mola_view *view)
{
    mola_arena arena;
    mola_why why = {0};
    sim_row rows[ROWS];
    mola_arena_init(&arena, &node->heap, 1 << 20);
    for (uint32_t i = 0; i < 4 && !sim_over(); i++) {
        sim_sleep(sim_below(limits.lease_ns / 3));
        if (!within_lease(view))
            break;
        mola_ctx ctx = {.env = &node->env,
                        .arena = &arena,
                        .why = &why,
                        .deadline_ns = mola_boot_ns(&node->env) + SECONDS(10)};
        mola_err err = read_rows(&ctx, view, rows);
        if (!err)
            judge_eventual(name, view, rows, 0);
        if (err == MOLA_CONFLICT && within_lease(view))
            judge_gone(name, view);
        mola_view_release(&ctx, NULL);
        mola_arena_reset(&arena);
    }
}

void sim_slow_reader(void *unused)
{
    sim_node *node = sim_me();
    (void)unused;
    while (!sim_over()) {
        sim_sleep(sim_below(SECONDS(10)));
        mola_arena arena;
        mola_why why = {0};
        mola_arena_init(&arena, &node->heap, 1 << 20);
        mola_ctx ctx = {.env = &node->env,
                        .arena = &arena,
                        .why = &why,
                        .deadline_ns = mola_boot_ns(&node->env) + SECONDS(10)};
        mola_freshness how = {.level = MOLA_READ_STRONG};
        mola_view *view = NULL;
        uint32_t name = sim_pick_name();
        mola_err err = mola_namespace_read(&ctx, sim_my_engine()->namespaces,
                                           mola_str_of(sim_names[name]), &how, &view);
        mola_arena_reset(&arena);
        if (!err) {
            dwell(node, name, view);
            mola_view_unref(view);
        }
    }
}
