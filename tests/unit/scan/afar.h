/* afar.h - random rows in a view some of whose parts have to be fetched. */
#pragma once
#include "mola/scan/filter.h"
#include "mola/scan/windows.h"
#include "scan/distant.h"
#include "scan/oracle.h"
#include "scan/zone.h"

static fixture f;
static dice d;
static mola_buf text;
static mola_json_doc *types, *rows;
static mola_view *view;
static mola_rowset set; /* all live rows */

static inline void set_up(void)
{
    fixture_open(&f);
    mola_buf_init(&text, &f.heap);
}

static inline void tear_down(void)
{
    if (view)
        mola_view_unref(view);
    view = NULL;
    if (types)
        mola_json_free(types);
    if (rows)
        mola_json_free(rows);
    types = rows = NULL;
    mola_buf_free(&text);
    fixture_close(&f);
}

static inline mola_json_doc *parse_buf(void)
{
    ck_assert(!text.failed);
    mola_json_doc *doc = parse_text(&f, text.data, text.len);
    text.len = 0;
    return doc;
}

/* Many parts of a few rows each: then zones are narrow, and differ. */
static inline uint32_t tiny_cuts(cut *cuts, uint32_t max, uint32_t count)
{
    uint32_t made = 0;
    for (uint32_t left = count; left && made < max; made++) {
        cuts[made] = (cut){.rows = 1 + roll(&d, left < 4 ? left : 4), .ghosts = roll(&d, 3)};
        left -= cuts[made].rows;
    }
    return made;
}

typedef enum { FEW_PARTS, TINY_PARTS } part_size;

static inline void make_rows(uint64_t seed, uint32_t count, const char *id_type, part_size size)
{
    cut cuts[40];
    d.state = seed;
    mola_buf_print(&text, ORACLE_SCHEMA, id_type);
    types = parse_buf();
    random_rows(&d, &text, count, id_type);
    rows = parse_buf();
    uint32_t cut_count =
        size == TINY_PARTS ? tiny_cuts(cuts, 40, count) : random_cuts(&d, cuts, 6, count);
    view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                     mola_json_root(rows), cuts, cut_count);
}

/* Some of the parts become distant; small steps more often than not. */
static inline void move_away(void)
{
    distant_on(view, 1 + roll(&d, view->part_count), d.state);
    if (roll(&d, 4))
        distant.window_bytes = MOLA_STEP_BYTES / (1 + roll(&d, 8));
    distant.no_zones = roll(&d, 6) == 0;
}

static inline void bring_back(void)
{
    ck_assert_ptr_null(f.ctx.pins);
    distant_off(view);
}

static inline void all_rows(void)
{
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
}

static inline const mola_filter *compile(mola_json json)
{
    const mola_filter_tree *tree;
    const mola_filter *filter;
    ck_assert_int_eq(mola_filter_parse(&f.ctx, json, "filters", &tree), MOLA_OK);
    ck_assert_int_eq(mola_filter_compile(&f.ctx, tree, view->state, MOLA_REFS_REFUSED, &filter),
                     MOLA_OK);
    return filter;
}
