/* Figures of outcomes against cases worked out by hand, whole and resampled. */
#include "support/unit.h"

#include <math.h>

#include "base/memory.h"
#include "evaluate/outcomes.h"
#include "support/fault.h"

static const struct cclip_outcome_figure acc1 = { CCLIP_FIGURE_TOP_K, 1 }, acc5 = { CCLIP_FIGURE_TOP_K, 5 },
                                         mean = { CCLIP_FIGURE_CLASS_MEAN, 0 };

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-12))
        fail_msg("%.17g instead of %.17g", value, expected);
}

static cclip_status make(struct cclip_outcomes *out)
{
    static const int32_t labels[] = { 0, 5, 1, 0, 4, 5, 5 };
    static const size_t places[] = { 0, 5, 1, 0, 4, 5, 5 };
    size_t *ranks = cclip_allocate(7, sizeof *ranks);
    if (!ranks)
        return CCLIP_ERROR_MEMORY;
    memcpy(ranks, places, sizeof places);
    const cclip_status status = cclip_outcomes_of_classes(out, &ranks, labels, 7, 6);
    assert_null(ranks);
    return status;
}

static void test_classes(void **state)
{
    struct cclip_outcomes o;
    (void)state;
    assert_ok(make(&o));
    near(cclip_outcomes_value(&o, &acc1, NULL), 2.0 / 7);
    near(cclip_outcomes_value(&o, &acc5, NULL), 4.0 / 7); /* class 5 is the sixth */
    /* classes 0, 1, 4, 5 occur: 2 of 2, 0 of 1, 0 of 1, 0 of 3; 2 and 3 are left out */
    near(cclip_outcomes_value(&o, &mean, NULL), 1.0 / 4);
    /* drawn: picture 0 twice, 1 once, 2 three times, 4 once. Weights: half for class 0, a third for class 5 */
    const uint32_t counts[7] = { 2, 1, 3, 0, 1, 0, 0 };
    near(cclip_outcomes_value(&o, &acc1, counts), 2.0 / 7);
    near(cclip_outcomes_value(&o, &acc5, counts), 6.0 / 7);
    near(cclip_outcomes_value(&o, &mean, counts), 1.0 / (1 + 3 + 1 + 1.0 / 3));
    o.classes = 4; /* top 5 of four classes says nothing */
    assert_true(isnan(cclip_outcomes_value(&o, &acc5, NULL)));
    o.classes = 6;
    cclip_outcomes_close(&o);
}

/* Two pictures, the first with three captions: its captions are drawn with it. */
static void test_captions(void **state)
{
    size_t ranks[2] = { 0, 1 }, image_ranks[4] = { 0, 1, 0, 0 }, image_of_text[4] = { 0, 0, 0, 1 };
    const struct cclip_outcomes o = {
        .pictures = 2, .texts = 4, .ranks = ranks, .image_ranks = image_ranks, .image_of_text = image_of_text
    };
    const struct cclip_outcome_figure images = { CCLIP_FIGURE_IMAGE_RECALL, 1 },
                                      texts = { CCLIP_FIGURE_TEXT_RECALL, 1 };
    const uint32_t counts[2] = { 2, 0 };
    (void)state;
    near(cclip_outcomes_value(&o, &images, NULL), 3.0 / 4);
    near(cclip_outcomes_value(&o, &texts, NULL), 1.0 / 2);
    near(cclip_outcomes_value(&o, &images, counts), 4.0 / 6);
    near(cclip_outcomes_value(&o, &texts, counts), 1);
}

static void test_match(void **state)
{
    struct cclip_outcomes a, b;
    (void)state;
    assert_ok(make(&a));
    assert_ok(make(&b));
    b.ranks[0] = 3; /* another model may judge as it likes */
    assert_true(cclip_outcomes_match(&a, &b));
    b.order[0] = 3;
    assert_false(cclip_outcomes_match(&a, &b));
    b.order[0] = a.order[0];
    b.pictures = 6;
    assert_false(cclip_outcomes_match(&a, &b));
    cclip_outcomes_close(&a);
    cclip_outcomes_close(&b);
}

static cclip_status life(void *context)
{
    struct cclip_outcomes o = { 0 };
    (void)context;
    const cclip_status status = make(&o);
    cclip_outcomes_close(&o);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_int_equal(cclip_fault_each(life, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_classes), cmocka_unit_test(test_captions),
                                        cmocka_unit_test(test_match), cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
