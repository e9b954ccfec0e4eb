/* Class weights: the mean of normalised sentences, normalised; batches that do not change a bit;
 * bounded memory; failures of the embedder. */
#include "support/fault.h"
#include "support/unit.h"

#include <math.h>

#include "zero_shot/scores.h"
#include "zero_shot/weights.h"

enum { DIM = 12 };

struct fake {
    size_t calls, texts, largest;
    int fail;
};

/* A text's embedding is a fixed function of its bytes. */
static void embedding_of(float *out, const char *text, size_t length)
{
    double square = 0;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    for (size_t d = 0; d < DIM; d++) {
        hash = hash * 1664525u + 1013904223u;
        out[d] = (float)(hash >> 8) / 16777216.0f - 0.3f;
        square += (double)out[d] * (double)out[d];
    }
    for (size_t d = 0; d < DIM; d++)
        out[d] /= (float)sqrt(square);
}

static cclip_status embed(void *context, float *out, const char *const *texts, const size_t *lengths,
                          size_t count)
{
    struct fake *fake = context;
    fake->calls++;
    fake->texts += count;
    fake->largest = count > fake->largest ? count : fake->largest;
    if (fake->fail)
        return cclip_fail(CCLIP_ERROR_LIMIT, "too long");
    for (size_t i = 0; i < count; i++)
        embedding_of(out + i * DIM, texts[i], lengths[i]);
    return CCLIP_OK;
}

static void test_mean(void **state)
{
    (void)state;
    struct fake fake = { 0 };
    const struct cclip_text_embedder embedder = { embed, &fake, DIM };
    static const char *const labels[] = { "cat", "dog" }, *const lines[] = { "a {}", "{c}!", "{}" };
    static const char *const sentences[2][3] = { { "a cat", "cat!", "cat" },
                                                 { "a dog", "dog!", "dog" } };
    struct cclip_templates *templates;
    float out[2][DIM], alone[2][DIM], row[DIM];
    assert_ok(cclip_template_list_copy(&templates, lines, 3));
    assert_ok(cclip_class_weights(out[0], &embedder, labels, 2, templates));
    assert_ok(cclip_class_weights(alone[0], &embedder, labels, 2, NULL));
    for (size_t l = 0; l < 2; l++) {
        double sum[DIM] = { 0 }, square = 0;
        for (size_t t = 0; t < 3; t++) {
            embedding_of(row, sentences[l][t], strlen(sentences[l][t]));
            for (size_t d = 0; d < DIM; d++)
                sum[d] += (double)row[d];
        }
        for (size_t d = 0; d < DIM; d++)
            square += sum[d] * sum[d];
        for (size_t d = 0; d < DIM; d++)
            assert_true(fabs((double)out[l][d] - sum[d] / sqrt(square)) < 1e-7);
        for (size_t d = 0; d < DIM; d++) /* `row` is still the bare label's */
            assert_true(fabs((double)(alone[l][d] - row[d])) < 1e-6);
    }
    cclip_template_list_close(&templates);
}

static void test_batches(void **state)
{
    (void)state;
    enum { LABELS = 700, TEMPLATES = 7 };
    struct fake fake = { 0 };
    const struct cclip_text_embedder embedder = { embed, &fake, DIM };
    static char names[LABELS][16];
    const char *labels[LABELS], *lines[TEMPLATES] = { "{}", "a {}", "b {}", "c {}", "d {}", "e {}", "f {}" };
    struct cclip_templates *templates;
    float *all = malloc(sizeof(float) * LABELS * DIM), one[DIM];
    for (size_t i = 0; i < LABELS; i++) {
        snprintf(names[i], sizeof names[i], "label %zu", i);
        labels[i] = names[i];
    }
    assert_ok(cclip_template_list_copy(&templates, lines, TEMPLATES));
    assert_ok(cclip_class_weights(all, &embedder, labels, LABELS, templates));
    assert_int_equal(fake.texts, LABELS * TEMPLATES);
    assert_true(fake.calls > 3 && fake.largest <= 512); /* memory does not grow with the work */
    for (size_t i = 0; i < LABELS; i++) {
        assert_ok(cclip_class_weights(one, &embedder, labels + i, 1, templates));
        assert_memory_equal(one, all + i * DIM, sizeof one);
    }
    free(all);
    cclip_template_list_close(&templates);
}

static void test_refused(void **state)
{
    (void)state;
    struct fake fake = { 0 };
    const struct cclip_text_embedder embedder = { embed, &fake, DIM };
    const char *labels[] = { "cat", "" };
    float out[2 * DIM];
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_class_weights(out, &embedder, labels, 0, NULL));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_class_weights(out, &embedder, labels, 2, NULL));
    assert_string_equal(cclip_error_message(), "label 2 is empty");
    fake.fail = 1;
    assert_fails(CCLIP_ERROR_LIMIT, cclip_class_weights(out, &embedder, labels, 1, NULL));
}

static cclip_status life(void *context)
{
    struct fake fake = { 0 };
    const struct cclip_text_embedder embedder = { embed, &fake, DIM };
    const char *labels[] = { "cat" };
    return cclip_class_weights(context, &embedder, labels, 1, NULL);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    float out[DIM];
    assert_true(cclip_fault_each(life, out) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
