/* Every variant, on every dimension, keeps within its stated error of the f64 answer: candidate
 * selection rests on it. The exact routines give one known digest on every machine: what clients
 * see must not depend on the CPU. */
#include "digest.h"
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

static float query[DIM_MAX];
static char stored[DIM_MAX * sizeof(float) + 1];

/* sum(|q_i * s_i|), what the error of a dot product is relative to */
static double magnitude(const void *s, mola_kernel_kind kind, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        static const size_t width[] = {4, 2, 1};
        sum += fabs(mola_exact_dot(query + i, (const char *)s + i * width[kind], kind, 1));
    }
    return sum;
}

START_TEST(variant_is_within_its_error_on_every_dimension)
{
    const mola_kernel *list[MOLA_KERNELS_MAX];
    size_t count = mola_kernel_list(list);
    mola_kernel_kind kind = (mola_kernel_kind)_i;
    char *s = stored + (kind == MOLA_KERNEL_I8); /* an odd address, where the element allows one */
    uint64_t state = 7;
    for (size_t dim = 1; dim <= DIM_MAX; dim++) {
        fill(&state, MOLA_KERNEL_F32, query, dim);
        fill(&state, kind, s, dim);
        double eps = 4.0 * (double)dim * (double)FLT_EPSILON;
        double dot = mola_exact_dot(query, s, kind, dim),
               l2sq = mola_exact_l2sq(query, s, kind, dim);
        double norm2 = mola_exact_norm2(s, kind, dim), sum = magnitude(s, kind, dim);
        for (size_t v = 0; v < count; v++) {
            ck_assert_msg(fabs((double)list[v]->dot[kind](query, s, dim) - dot) <= eps * sum,
                          "%s dot dim %zu", list[v]->name, dim);
            ck_assert_msg(fabs((double)list[v]->l2sq[kind](query, s, dim) - l2sq) <= eps * l2sq,
                          "%s l2sq dim %zu", list[v]->name, dim);
            ck_assert_msg(fabs((double)list[v]->norm2[kind](s, dim) - norm2) <= eps * norm2,
                          "%s norm2 dim %zu", list[v]->name, dim);
        }
    }
}
END_TEST

START_TEST(exact_routines_give_the_known_digest)
{
    ck_assert_uint_eq(exact_digest(), EXACT_DIGEST);
}
END_TEST

START_TEST(halves_load_exactly)
{
    static const struct {
        uint16_t bits;
        double value;
    } table[] = {{0x0000, 0.0}, {0x0001, 0x1p-24}, {0x03ff, 1023 * 0x1p-24}, {0x0400, 0x1p-14},
                 {0x3c00, 1.0}, {0x3800, 0.5},     {0x7bff, 65504.0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        float one = 1;
        uint16_t negative = table[i].bits | 0x8000;
        ck_assert(mola_exact_dot(&one, &table[i].bits, MOLA_KERNEL_F16, 1) == table[i].value);
        ck_assert(mola_exact_dot(&one, &negative, MOLA_KERNEL_F16, 1) == -table[i].value);
    }
}
END_TEST

START_TEST(variants_are_found_by_name)
{
    const mola_kernel *list[MOLA_KERNELS_MAX];
    size_t count = mola_kernel_list(list);
    ck_assert_ptr_eq(mola_kernel_select(NULL), list[0]);
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_eq(mola_kernel_select(list[i]->name), list[i]);
    ck_assert_ptr_null(mola_kernel_select("sse9"));
    ck_assert_str_eq(list[count - 1]->name, "scalar");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, variant_is_within_its_error_on_every_dimension, 0, MOLA_KERNEL_KINDS);
    tcase_add_test(all, exact_routines_give_the_known_digest);
    tcase_add_test(all, halves_load_exactly);
    tcase_add_test(all, variants_are_found_by_name);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
