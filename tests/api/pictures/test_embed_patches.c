/* cclip_embed_patches: which layer is which, the same bits alone and in a batch, and what is refused. The values
 * themselves are golden.pictures.patches' business. */
#include "api/pictures/small_session.h"

enum { COUNT = 200 };

static float *some_pixels(const struct small_session *s)
{
    float *pixels = calloc(COUNT * s->pixels, sizeof *pixels);
    uint32_t random = 7;
    assert_non_null(pixels);
    for (size_t i = 0; i < COUNT * s->pixels; i++) {
        random = random * 1664525u + 1013904223u;
        pixels[i] = (float)(random >> 8) / (float)(1 << 23) - 1;
    }
    return pixels;
}

static void check_model(const char *name)
{
    struct small_session s;
    open_small(&s, name, 2);
    const size_t size = s.info.image_tokens * s.info.image_width;
    const int layers = (int)s.info.image_layers;
    float *pixels = some_pixels(&s), *all = calloc(COUNT * size, sizeof *all), *one = calloc(size, sizeof *one);
    float *last = calloc(size, sizeof *last), *before = calloc(s.info.embedding_dim, sizeof *before),
          *after = calloc(s.info.embedding_dim, sizeof *after);
    assert_true(size && layers);
    assert_ok(cclip_embed_pixels(s.session, before, pixels, 1, 1));
    for (int layer = 0; layer <= layers; layer++) {
        assert_ok(cclip_embed_patches(s.session, all, pixels, COUNT, layer));
        for (size_t i = 0; i < COUNT; i += 37) {
            memset(one, 255, size * sizeof *one);
            assert_ok(cclip_embed_patches(s.session, one, pixels + i * s.pixels, 1, layer - layers - 1));
            assert_memory_equal(one, all + i * size, size * sizeof *one);
        }
        if (layer)
            assert_memory_not_equal(last, all, size * sizeof *last);
        memcpy(last, all, size * sizeof *last);
    }
    assert_ok(cclip_embed_pixels(s.session, after, pixels, 1, 1)); /* nothing of it stays behind */
    assert_memory_equal(before, after, s.info.embedding_dim * sizeof *before);
    assert_ok(cclip_embed_patches(s.session, all, pixels, 0, 0));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_embed_patches(s.session, all, pixels, 1, layers + 1));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_embed_patches(s.session, all, pixels, 1, -layers - 2));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_embed_patches(s.session, all, pixels, 1, INT32_MIN));
    free(pixels);
    free(all);
    free(one);
    free(last);
    free(before);
    free(after);
    close_small(&s);
}

static void test_vision_transformers(void **state)
{
    (void)state;
    check_model("hf_clip_bf16");
    check_model("hf_siglip");
    check_model("oc_vit_layerscale_headwidth");
}

static void test_resnet(void **state)
{
    struct small_session s;
    float value = 0;
    (void)state;
    open_small(&s, "oc_resnet", 1);
    assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_embed_patches(s.session, &value, &value, 1, -1));
    assert_non_null(strstr(cclip_error_message(), "ModifiedResNet"));
    assert_int_equal(s.info.image_tokens, 0);
    close_small(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_vision_transformers), cmocka_unit_test(test_resnet) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
