/* The formula that golden models are made with: the test vectors of golden/FORMULA.md, and which tensors
 * are written in half precision. */
#include "support/unit.h"

#include "support/formula.h"
#include "support/write_open_clip.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void test_tensors(void **state)
{
    static const struct {
        const char *name;
        uint64_t hash;
        uint32_t bits[4];
        int rank;
        size_t shape[4];
    } vectors[] = {
        { "visual.conv1.weight", 0xaf6e9c46e8876164u,
          { 0x3cc6a801, 0x3d193895, 0xbe2ea98c, 0xbd462ce6 }, 4, { 64, 3, 8, 8 } },
        { "visual.class_embedding", 0x27694f531b157b3du,
          { 0xbe570576, 0x3dadfdcc, 0x3db3b990, 0xbdf54efc }, 1, { 64 } },
        { "visual.ln_pre.weight", 0x174b87d7b73b3319u,
          { 0x3f8447dd, 0x3f6b921c, 0x3f8b5ee8, 0x3f8bb729 }, 1, { 64 } },
        { "visual.ln_pre.bias", 0xfd93c48195229da4u,
          { 0x3c76eb80, 0xbd6c7a32, 0x3cff2fdc, 0x3d4e1fea }, 1, { 64 } },
        { "visual.transformer.resblocks.0.attn.in_proj_weight", 0x7311ce701ae36381u,
          { 0xbdb7d2b6, 0xbd04f42e, 0xbd89a3a0, 0x3dd9562b }, 2, { 192, 64 } },
        { "visual.proj", 0x379d870311ac6766u,
          { 0x3aeadd8b, 0xbe527bd8, 0x3e04d65e, 0xbb9679e4 }, 2, { 64, 32 } },
        { "visual.layer1.0.bn3.weight", 0xf060792b7cb8d572u,
          { 0x3e871069, 0x3e243411, 0x3e8f70bc, 0x3eac171e }, 1, { 64 } },
        { "visual.layer1.0.bn3.running_mean", 0x238e242580c5f80fu,
          { 0x3cf56454, 0xbd7e14b6, 0x3c3bde60, 0x3cca6d74 }, 1, { 64 } },
        { "visual.layer1.0.bn3.running_var", 0x5056d9df32c909ffu,
          { 0x3fa2b090, 0x3fb14773, 0x3f9b375d, 0x3f850b20 }, 1, { 64 } },
        { "visual.attnpool.q_proj.weight", 0xaf1b6831eb5f43d5u,
          { 0xbd5a70ef, 0xbdab0b19, 0xbdffafe6, 0x3dd2318f }, 2, { 512, 512 } },
        { "token_embedding.weight", 0xae3e3da632d0799eu,
          { 0xbca78d30, 0xbdce7ccc, 0xbe5dfa52, 0xbdd639cc }, 2, { 600, 64 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        float values[4];
        const struct formula_rule rule =
            formula_rule(vectors[i].name, vectors[i].shape, vectors[i].rank);
        assert_true(rule.hash == vectors[i].hash);
        formula_fill(values, &rule, 0, 4);
        for (int k = 0; k < 4; k++)
            assert_int_equal(bits_of(values[k]), vectors[i].bits[k]);
    }
    const struct formula_rule constant = formula_rule("logit_scale", NULL, 0);
    float scale;
    formula_fill(&scale, &constant, 0, 1);
    assert_int_equal(bits_of(scale), 0x402A3151);
}

static void test_images(void **state)
{
    static const uint32_t expected[5] = { 0xbf79e3d4, 0xbec5ac42, 0xbf794086, 0xbf5e6a54, 0x3fb775a5 };
    float *images = formula_images("input.image", 2, 32, 32);
    (void)state;
    assert_non_null(images);
    for (int i = 0; i < 4; i++)
        assert_int_equal(bits_of(images[i]), expected[i]);
    assert_int_equal(bits_of(images[2 * 3 * 32 * 32 - 1]), expected[4]);
    free(images);
}

static void test_token_rows(void **state)
{
    static const int32_t expected[] = { 598, 577, 127, 272, 46, 345, 138, 67,  443, 27, 59,
                                        396, 292, 385, 381, 441, 69, 458, 99, 322, 464, 519,
                                        374, 407, 532, 314, 124, 38, 392, 599 };
    const size_t count = sizeof expected / sizeof expected[0];
    int32_t row[77];
    (void)state;
    formula_tokens(row, "train.tokens.0", 0, 77, 600);
    for (size_t i = 0; i < 77; i++)
        assert_int_equal(row[i], i < count ? expected[i] : 0);
}

static void test_half(void **state)
{
    static const char text[] =
        "{\"conv1.weight\": [8,3,3,3], \"bn1.weight\": [8], \"bn1.bias\": [8], \"a.in_proj_weight\": [24,8],"
        " \"a.in_proj_bias\": [24], \"fc.weight\": [8,8], \"fc.bias\": [8], \"visual.proj\": [8,8],"
        " \"token_embedding.weight\": [9,8], \"visual.class_embedding\": [8], \"logit_scale\": []}";
    static const char *const whole[] = { "bn1.weight", "bn1.bias", "token_embedding.weight",
                                         "visual.class_embedding", "logit_scale" };
    struct cclip_json_iterator it;
    cclip_json *tensors;
    (void)state;
    assert_ok(cclip_json_parse(&tensors, text, strlen(text), "test"));
    for (int more = cclip_json_first(&it, tensors); more; more = cclip_json_next(&it)) {
        int is_whole = 0;
        for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
            is_whole |= !strcmp(whole[i], it.key);
        assert_int_equal(formula_is_half(tensors, it.key, (int)cclip_json_length(it.value)), !is_whole);
    }
    cclip_json_close(&tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_token_rows),
        cmocka_unit_test(test_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
