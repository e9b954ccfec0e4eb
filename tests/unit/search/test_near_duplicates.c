/* Exact search and groups of near duplicates, beside the plain loops that they stand for; counts on both sides of a
 * block's size. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "base/random.h"
#include "cpu/cpu_device.h"
#include "search/near_duplicates.h"
#include "search/similarity_block.h"
#include "support/fault.h"

enum { DIM = 19 };
static struct cclip_device device;

static int set_up(void **state)
{
    (void)state;
    return cclip_cpu_device_open(&device, NULL, cclip_cpu_features());
}

static int tear_down(void **state)
{
    (void)state;
    cclip_cpu_device_close(&device);
    return 0;
}

static void normalise(float *row)
{
    double sum = 0;
    for (size_t i = 0; i < DIM; i++)
        sum += (double)row[i] * (double)row[i];
    for (size_t i = 0; i < DIM; i++)
        row[i] = (float)((double)row[i] / sqrt(sum));
}

/* Random rows; of every three one is a copy of an earlier one, moved a little. */
static float *make_rows(size_t count, uint64_t seed)
{
    struct cclip_random random;
    float *rows = calloc(count * DIM, sizeof *rows);
    cclip_random_seed(&random, seed, 0);
    for (size_t r = 0; r < count; r++) {
        const size_t from = r % 3 == 2 ? (size_t)cclip_random_below(&random, r) : r;
        for (size_t i = 0; i < DIM; i++)
            rows[r * DIM + i] = (float)(from < r ? (double)rows[from * DIM + i] + 0.02 * cclip_random_normal(&random)
                                                 : cclip_random_normal(&random));
        normalise(rows + r * DIM);
    }
    return rows;
}

static double cosine(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < DIM; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void test_nearest(void **state)
{
    static const size_t counts[][2] = { { 1, 1 }, { 3, 5 }, { CCLIP_BLOCK_QUERIES + 1, CCLIP_BLOCK_ROWS + 3 } };
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        const size_t queries = counts[c][0], rows = counts[c][1];
        float *q = make_rows(queries, 1), *r = make_rows(rows, 2);
        struct cclip_neighbour *out = calloc(queries, sizeof *out);
        assert_ok(cclip_nearest(out, &device, q, queries, r, rows, DIM));
        for (size_t i = 0; i < queries; i++) {
            double best = -2;
            for (size_t j = 0; j < rows; j++)
                best = fmax(best, cosine(q + i * DIM, r + j * DIM));
            assert_true(fabs((double)out[i].cosine - best) < 1e-5);
            assert_true(fabs(cosine(q + i * DIM, r + out[i].row * DIM) - best) < 1e-5);
        }
        free(q);
        free(r);
        free(out);
    }
    struct cclip_neighbour none;
    const float row[DIM] = { 1 };
    assert_ok(cclip_nearest(&none, &device, row, 1, row, 0, DIM));
    assert_true(none.row == SIZE_MAX && isinf(none.cosine));
}

static void test_groups(void **state)
{
    enum { ROWS = CCLIP_BLOCK_ROWS + CCLIP_BLOCK_QUERIES + 77 };
    float *rows = make_rows(ROWS, 3);
    size_t *order = calloc(ROWS, sizeof *order), listed = 0, joined = 0;
    struct cclip_neighbour *out = calloc(ROWS, sizeof *out);
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        if (i % 7) /* some are not asked about */
            order[listed++] = ROWS - 1 - i;
    out[ROWS - 1] = (struct cclip_neighbour){ 12345, 0.5f };
    assert_ok(cclip_near_duplicates(out, &device, rows, DIM, order, listed, 0.98f));
    for (size_t i = 0; i < listed; i++) {
        double best = -2;
        for (size_t k = 0; k < i; k++)
            if (out[order[k]].row == order[k])
                best = fmax(best, cosine(rows + order[i] * DIM, rows + order[k] * DIM));
        if (fabs(best - 0.98) < 1e-5)
            continue; /* rounding may decide */
        joined += best >= 0.98;
        assert_int_equal(out[order[i]].row != order[i], best >= 0.98);
        if (best >= 0.98)
            assert_true(fabs((double)out[order[i]].cosine - best) < 1e-5 &&
                        out[out[order[i]].row].row == out[order[i]].row);
    }
    assert_true(joined > ROWS / 5);
    assert_int_equal(out[ROWS - 1].row, 12345);
    free(rows);
    free(order);
    free(out);
}

/* What is not a number is nobody's duplicate. */
static void test_not_finite(void **state)
{
    float rows[3 * DIM] = { 1 };
    const size_t order[] = { 0, 1, 2 };
    struct cclip_neighbour out[3];
    (void)state;
    for (size_t i = 0; i < DIM; i++)
        rows[DIM + i] = (float)NAN;
    rows[2 * DIM] = 1;
    assert_ok(cclip_near_duplicates(out, &device, rows, DIM, order, 3, 0.9f));
    assert_true(out[0].row == 0 && out[1].row == 1 && out[2].row == 0);
}

static cclip_status life(void *context)
{
    struct cclip_neighbour out[3];
    const size_t order[] = { 0, 1, 2 };
    const cclip_status status = cclip_near_duplicates(out, &device, context, DIM, order, 3, 0.9f);
    return status ? status : cclip_nearest(out, &device, context, 3, context, 3, DIM);
}

static void test_memory(void **state)
{
    float *rows = make_rows(3, 4);
    (void)state;
    assert_true(cclip_fault_each(life, rows) > 5);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nearest), cmocka_unit_test(test_groups),
                                        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_memory) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
