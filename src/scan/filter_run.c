#include "scan/filter_run.h"
#include "mola/model/cell.h"
#include "scan/zone.h"

/* ---- one value ---- */

static bool in_range(const mola_range *r, const mola_value *v)
{
    if (r->has_low) {
        int order = mola_value_cmp(v, &r->low);
        if (order < 0 || (order == 0 && r->low_open))
            return false;
    }
    if (r->has_high) {
        int order = mola_value_cmp(v, &r->high);
        if (order > 0 || (order == 0 && r->high_open))
            return false;
    }
    return true;
}

static bool value_passes(const mola_filter *leaf, const mola_value *v)
{
    switch (leaf->test) {
    case MOLA_TEST_ALWAYS:
        return true;
    case MOLA_TEST_RANGE:
        return in_range(&leaf->range, v);
    case MOLA_TEST_SET:
        return mola_set_has(&leaf->set, v);
    case MOLA_TEST_GLOB:
        return mola_glob_matches(leaf->glob, v->s, leaf->ctx);
    case MOLA_TEST_REGEX:
        return mola_regex_matches(leaf->regex, v->s, leaf->ctx);
    case MOLA_TEST_FUZZY:
        return mola_fuzzy_matches(leaf->fuzzy, v->s);
    case MOLA_TEST_NEVER:
    case MOLA_TEST_LIST:
    case MOLA_TEST_TOKENS:
        break;
    }
    return false;
}

static bool list_passes(const mola_filter *leaf, const mola_column *c, uint32_t from,
                        uint32_t until)
{
    if (until - from != leaf->list_count)
        return false;
    for (uint32_t i = from; i < until; i++) {
        mola_value v = mola_cell(c, i);
        if (!mola_value_eq(&v, &leaf->list[i - from]))
            return false;
    }
    return true;
}

/* The row has a value. */
static bool row_passes(const mola_filter *leaf, const mola_column *c, uint32_t row)
{
    if (leaf->test == MOLA_TEST_TOKENS)
        return mola_token_test_passes(leaf->tokens, c, row);
    if (c->type.form == MOLA_FORM_SCALAR) {
        mola_value v = mola_cell(c, row);
        return value_passes(leaf, &v);
    }
    uint32_t from = c->row_from[row], until = c->row_from[row + 1];
    if (leaf->test == MOLA_TEST_LIST)
        return list_passes(leaf, c, from, until);
    for (uint32_t i = from; i < until; i++) {
        mola_value v = mola_cell(c, i);
        if (value_passes(leaf, &v))
            return true;
    }
    return false;
}

/* ---- 64 rows ---- */

/* Of the `asked` rows (bit i: row first + i) those that pass. All asked rows have values; `rows` of
 * the 64 exist. */
typedef uint64_t word_test(const mola_filter *leaf, const mola_column *c, uint32_t first,
                           uint32_t rows, uint64_t asked);

static uint64_t test_each(const mola_filter *leaf, const mola_column *c, uint32_t first,
                          uint32_t rows, uint64_t asked)
{
    (void)rows;
    uint64_t pass = 0;
    for (uint64_t rest = asked; rest; rest &= rest - 1) {
        if (leaf->ctx && mola_scan_late(leaf->ctx))
            break; /* whoever walks looks at the clock next */
        if (row_passes(leaf, c, first + (uint32_t)__builtin_ctzll(rest)))
            pass |= rest & -rest;
    }
    return pass;
}

static uint64_t test_integers(const mola_filter *leaf, const mola_column *c, uint32_t first,
                              uint32_t rows, uint64_t asked)
{
    const uint8_t *data = c->data + (size_t)first * 8;
    uint64_t low = leaf->range.low_bits, span = leaf->range.span, pass = 0;
    for (uint32_t i = 0; i < rows; i++)
        pass |= (uint64_t)(mola_load_u64(data + (size_t)i * 8) - low <= span) << i;
    return pass & asked;
}

static uint64_t test_floats(const mola_filter *leaf, const mola_column *c, uint32_t first,
                            uint32_t rows, uint64_t asked)
{
    const uint8_t *data = c->data + (size_t)first * 8;
    double low = leaf->range.low.f, high = leaf->range.high.f;
    uint64_t pass = 0;
    for (uint32_t i = 0; i < rows; i++) {
        double v;
        memcpy(&v, data + (size_t)i * 8, sizeof v);
        pass |= (uint64_t)((v >= low) & (v <= high)) << i;
    }
    return pass & asked;
}

static uint64_t test_number_set(const mola_filter *leaf, const mola_column *c, uint32_t first,
                                uint32_t rows, uint64_t asked)
{
    uint64_t pass = 0;
    (void)rows;
    for (uint64_t rest = asked; rest; rest &= rest - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(rest);
        uint64_t bits = mola_set_bits((mola_elem)c->type.elem, mola_cell_bits(c, first + bit));
        pass |= (uint64_t)mola_set_has_bits(&leaf->set, bits) << bit;
    }
    return pass;
}

/* Equal to one text: most rows are told apart by their length. */
static uint64_t test_text(const mola_filter *leaf, const mola_column *c, uint32_t first,
                          uint32_t rows, uint64_t asked)
{
    mola_str want = leaf->range.low.s;
    uint64_t pass = 0;
    (void)rows;
    for (uint64_t rest = asked; rest; rest &= rest - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(rest);
        pass |= (uint64_t)mola_str_eq(mola_cell_text(c, first + bit), want) << bit;
    }
    return pass;
}

static bool is_equality(const mola_filter *leaf)
{
    return leaf->op == MOLA_FILTER_EQ || leaf->op == MOLA_FILTER_NOT_EQ;
}

/* The loops over all 64 rows cost about what eight single rows cost. */
enum { FEW_ROWS = 8 };

static word_test *pick_test(const mola_filter *leaf, const mola_column *c)
{
    bool in_range = leaf->test == MOLA_TEST_RANGE;
    if (c->type.form != MOLA_FORM_SCALAR || !(in_range || leaf->test == MOLA_TEST_SET))
        return test_each;
    switch (c->type.elem) {
    case MOLA_ELEM_INT:
    case MOLA_ELEM_UINT:
    case MOLA_ELEM_DATETIME:
        return in_range ? test_integers : test_number_set;
    case MOLA_ELEM_FLOAT:
        return in_range ? test_floats : test_number_set;
    case MOLA_ELEM_STRING:
        return in_range && is_equality(leaf) ? test_text : test_each;
    default:
        return test_each;
    }
}

/* ---- a window ---- */

static void run_leaf(const mola_filter *leaf, const mola_span *span, uint64_t *mask)
{
    uint32_t rows = span->rows;
    size_t words = mola_words(rows);
    mola_column c;
    MOLA_ASSERT(!leaf->has_ref);
    mola_match match = mola_leaf_decided(leaf, span);
    if (match == MOLA_MATCH_ALWAYS)
        return;
    if (match == MOLA_MATCH_NEVER) {
        memset(mask, 0, words * sizeof *mask);
        return;
    }
    if (leaf->test == MOLA_TEST_TOKENS && mola_token_test_window(leaf->tokens, span, mask))
        return;
    if (!mola_span_column(span, leaf->attr, &c)) {
        if (leaf->null_matches == leaf->invert)
            memset(mask, 0, words * sizeof *mask);
        return;
    }
    MOLA_ASSERT(c.rows >= rows);
    mola_filter timed = *leaf;
    if (mola_leaf_is_slow(leaf)) {
        timed.ctx = span->ctx;
        leaf = &timed;
    }
    word_test *wide = pick_test(leaf, &c);
    uint64_t nulls = leaf->null_matches ? UINT64_MAX : 0, turn = leaf->invert ? UINT64_MAX : 0;
    for (size_t w = 0; w < words; w++) {
        if (!mask[w])
            continue;
        uint64_t present = c.present ? c.present[w] : UINT64_MAX;
        uint64_t asked = mask[w] & present, pass = 0;
        uint32_t first = (uint32_t)w * 64, left = rows - first;
        if (leaf->test == MOLA_TEST_ALWAYS) {
            pass = asked;
        } else if (leaf->test != MOLA_TEST_NEVER && asked) {
            pass = (__builtin_popcountll(asked) <= FEW_ROWS ? test_each : wide)(
                leaf, &c, first, left < 64 ? left : 64, asked);
        }
        mask[w] &= (pass | (nulls & ~present)) ^ turn;
    }
}

static void run_or(const mola_filter *node, const mola_filter *known, const mola_span *span,
                   uint64_t *mask, uint64_t *scratch)
{
    size_t words = mola_words(span->rows), bytes = words * sizeof *mask;
    uint64_t *rest = scratch, *asked = scratch + MOLA_WINDOW_WORDS;
    memcpy(rest, mask, bytes); /* not matched by any child so far */
    for (uint32_t i = 0; i < node->child_count && mola_any_bit(rest, words); i++) {
        memcpy(asked, rest, bytes);
        mola_filter_window(node->children[i], known, span, asked,
                           scratch + (size_t)2 * MOLA_WINDOW_WORDS);
        for (size_t w = 0; w < words; w++)
            rest[w] &= ~asked[w];
    }
    for (size_t w = 0; w < words; w++)
        mask[w] &= ~rest[w];
}

void mola_filter_add_postings(const mola_filter *filter, mola_attr_list *attrs)
{
    if (filter->kind == MOLA_NODE_LEAF && filter->test == MOLA_TEST_TOKENS)
        mola_attr_list_add(attrs, mola_token_test_postings(filter->tokens)->column);
    for (uint32_t i = 0; i < filter->child_count; i++)
        mola_filter_add_postings(filter->children[i], attrs);
}

bool mola_leaf_reads_of(const mola_filter *leaf, const mola_span *span, uint32_t attr)
{
    if (leaf->test == MOLA_TEST_TOKENS)
        return mola_text_reads(span, mola_token_test_postings(leaf->tokens), attr);
    return attr == leaf->attr;
}

bool mola_filter_reads_of(const mola_filter *filter, const mola_span *span, uint32_t attr)
{
    if (filter->kind == MOLA_NODE_LEAF)
        return mola_leaf_reads_of(filter, span, attr);
    for (uint32_t i = 0; i < filter->child_count; i++) {
        if (mola_filter_reads_of(filter->children[i], span, attr))
            return true;
    }
    return false;
}

mola_err mola_filter_check(mola_ctx *ctx, const mola_filter *filter, const mola_span *span)
{
    mola_err err = MOLA_OK;
    if (filter->kind == MOLA_NODE_LEAF && filter->test == MOLA_TEST_TOKENS) {
        const mola_postings_of *of = mola_token_test_postings(filter->tokens);
        bool read =
            mola_leaf_decided(filter, span) == MOLA_MATCH_MIXED && mola_span_has_postings(span, of);
        return read ? mola_postings_check(ctx, span, of) : MOLA_OK;
    }
    for (uint32_t i = 0; i < filter->child_count && !err; i++)
        err = mola_filter_check(ctx, filter->children[i], span);
    return err;
}

void mola_filter_window(const mola_filter *filter, const mola_filter *known, const mola_span *span,
                        uint64_t *mask, uint64_t *scratch)
{
    size_t words = mola_words(span->rows);
    switch (filter->kind) {
    case MOLA_NODE_AND:
        for (uint32_t i = 0; i < filter->child_count && mola_any_bit(mask, words); i++)
            mola_filter_window(filter->children[i], known, span, mask, scratch);
        break;
    case MOLA_NODE_OR:
        run_or(filter, known, span, mask, scratch);
        break;
    case MOLA_NODE_NOT:
        memcpy(scratch, mask, words * sizeof *mask);
        mola_filter_window(filter->children[0], known, span, scratch, scratch + MOLA_WINDOW_WORDS);
        for (size_t w = 0; w < words; w++)
            mask[w] &= ~scratch[w];
        break;
    case MOLA_NODE_LEAF:
        if (filter != known)
            run_leaf(filter, span, mask);
        break;
    }
}

/* ---- one document ---- */

static bool view_cell(const mola_document *document, uint32_t attr, mola_column *column,
                      uint32_t *row)
{
    return mola_view_column(document->of, document->part, document->row, attr, column, row);
}

mola_document mola_view_document(const mola_view *view, uint32_t part, uint32_t row)
{
    return (mola_document){.column = view_cell, .of = view, .part = part, .row = row};
}

/* The operand is a value of the fresh document; null when it has none. */
static bool ref_matches(const mola_filter *leaf, const mola_document *stored,
                        const mola_document *fresh)
{
    mola_column mine, theirs;
    uint32_t my_row, their_row;
    bool have = stored->column(stored, leaf->attr, &mine, &my_row);
    bool given = fresh->column(fresh, leaf->ref_attr, &theirs, &their_row);
    bool turn = leaf->op == MOLA_FILTER_NOT_EQ || leaf->op == MOLA_FILTER_NOT_IN;
    if (leaf->type.form != MOLA_FORM_SCALAR) {
        return (have && given ? mola_column_row_eq(&mine, my_row, &theirs, their_row)
                              : have == given) ^
               turn;
    }
    bool is_in = leaf->op == MOLA_FILTER_IN || leaf->op == MOLA_FILTER_NOT_IN;
    if (is_in && !(have && given))
        return turn;
    mola_value operand = {.elem = MOLA_ELEM_NONE};
    if (given)
        operand = mola_cell(&theirs, their_row);
    mola_filter resolved = *leaf;
    if (is_in)
        resolved.op = turn ? MOLA_FILTER_NOT_EQ : MOLA_FILTER_EQ;
    mola_leaf_compare(&resolved, &operand);
    bool pass = have ? row_passes(&resolved, &mine, my_row) : resolved.null_matches;
    return pass ^ resolved.invert;
}

static bool leaf_matches(const mola_filter *leaf, const mola_document *stored,
                         const mola_document *fresh)
{
    if (leaf->has_ref) {
        MOLA_ASSERT(fresh);
        return ref_matches(leaf, stored, fresh);
    }
    mola_column c;
    uint32_t row;
    bool have = stored->column(stored, leaf->attr, &c, &row);
    return (have ? row_passes(leaf, &c, row) : leaf->null_matches) ^ leaf->invert;
}

bool mola_filter_matches(const mola_filter *filter, const mola_document *stored,
                         const mola_document *fresh)
{
    if (filter->kind == MOLA_NODE_LEAF)
        return leaf_matches(filter, stored, fresh);
    if (filter->kind == MOLA_NODE_NOT)
        return !mola_filter_matches(filter->children[0], stored, fresh);
    bool is_and = filter->kind == MOLA_NODE_AND;
    for (uint32_t i = 0; i < filter->child_count; i++) {
        if (mola_filter_matches(filter->children[i], stored, fresh) != is_and)
            return !is_and;
    }
    return is_and;
}
