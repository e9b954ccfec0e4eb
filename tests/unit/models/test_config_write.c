/* Configurations written and read again: every option comes back, and what a form cannot express is named. */
#include "support/unit.h"

#include "models/config.h"
#include "models/timm_siglip.h"

enum form { OPEN_CLIP, HUGGING_FACE };

static cclip_status write_and_read(struct cclip_config *out, const struct cclip_config *in,
                                   enum form form)
{
    cclip_json *root = NULL, *preprocessor = NULL;
    cclip_status status = form == OPEN_CLIP
                              ? cclip_config_write_open_clip(&root, in)
                              : cclip_config_write_hugging_face(&root, &preprocessor, in, "float32");
    if (!status)
        status = form == OPEN_CLIP
                     ? cclip_config_read_open_clip(out, root, "config")
                     : cclip_config_read_hugging_face(out, root, preprocessor, NULL,
                                                     "config");
    cclip_json_close(&root);
    cclip_json_close(&preprocessor);
    return status;
}

static struct cclip_config plain(void)
{
    struct cclip_config c;
    cclip_config_default(&c);
    c.embedding_dim = 32;
    c.vision.image_height = c.vision.image_width = c.preprocessing.height = c.preprocessing.width = 48;
    c.vision.patch_size = 8;
    c.vision.transformer.width = 64;
    c.vision.transformer.layers = 2;
    c.vision.transformer.heads = 4;
    c.vision.transformer.mlp_width = 256;
    c.text.transformer = c.vision.transformer;
    c.text.context_length = 20;
    c.text.vocabulary_size = 600;
    return c;
}

static struct cclip_config siglip(void)
{
    struct cclip_config c = plain();
    struct cclip_transformer_config *const towers[] = { &c.vision.transformer, &c.text.transformer };
    for (int i = 0; i < 2; i++) {
        towers[i]->activation = CCLIP_ACTIVATION_GELU_TANH;
        towers[i]->epsilon = 1e-6f;
    }
    c.embedding_dim = c.vision.transformer.width;
    c.has_logit_bias = 1;
    c.vision.class_token = c.vision.norm_pre = c.vision.projection = 0;
    c.vision.patch_bias = 1;
    c.vision.pool = CCLIP_POOL_MAP;
    c.text.causal = 0;
    c.text.pool = CCLIP_POOL_LAST;
    c.text.projection = CCLIP_PROJECTION_LINEAR_BIAS;
    c.preprocessing.resize_mode = CCLIP_RESIZE_SQUASH;
    return c;
}

static void assert_same(const struct cclip_config *a, const struct cclip_config *b)
{
    const struct cclip_transformer_config *const v[] = { &a->vision.transformer, &b->vision.transformer };
    const struct cclip_transformer_config *const t[] = { &a->text.transformer, &b->text.transformer };
    const size_t size = offsetof(struct cclip_transformer_config, scale_mlp) + sizeof(int);
    assert_memory_equal(v[0], v[1], size);
    assert_memory_equal(t[0], t[1], size);
    assert_int_equal(a->vision.image_width, b->vision.image_width);
    assert_int_equal(a->vision.image_height, b->vision.image_height);
    assert_int_equal(a->vision.patch_size, b->vision.patch_size);
    assert_int_equal(a->vision.pool, b->vision.pool);
    assert_int_equal(a->vision.norm_pre, b->vision.norm_pre);
    assert_int_equal(a->vision.norm_after_pool, b->vision.norm_after_pool);
    assert_int_equal(a->vision.pool_queries, b->vision.pool_queries);
    assert_int_equal(a->text.pool, b->text.pool);
    assert_int_equal(a->text.causal, b->text.causal);
    assert_int_equal(a->text.projection, b->text.projection);
    assert_int_equal(a->text.class_embedding, b->text.class_embedding);
    assert_int_equal(a->has_logit_bias, b->has_logit_bias);
    assert_int_equal(a->preprocessing.resize_mode, b->preprocessing.resize_mode);
    assert_int_equal(a->preprocessing.resize_to, b->preprocessing.resize_to);
    assert_int_equal(a->preprocessing.interpolation, b->preprocessing.interpolation);
    assert_int_equal(a->preprocessing.has_background, b->preprocessing.has_background);
    assert_memory_equal(a->preprocessing.background, b->preprocessing.background, 3);
    assert_memory_equal(a->preprocessing.mean, b->preprocessing.mean, sizeof a->preprocessing.mean);
}

static void test_come_back(void **state)
{
    struct cclip_config read;
    (void)state;
    for (int form = OPEN_CLIP; form <= HUGGING_FACE; form++) {
        struct cclip_config c = plain();
        c.preprocessing.has_background = 1;
        c.preprocessing.background[1] = 200;
        c.preprocessing.interpolation = CCLIP_BILINEAR;
        c.preprocessing.mean[0] = 0.1f;
        assert_ok(write_and_read(&read, &c, (enum form)form));
        assert_same(&c, &read);
        c.text.pool = CCLIP_POOL_END_TOKEN;
        c.text.end_id = 599;
        assert_ok(write_and_read(&read, &c, (enum form)form));
        assert_same(&c, &read);
        assert_int_equal(read.text.end_id, 599);
        c = siglip();
        assert_ok(write_and_read(&read, &c, (enum form)form));
        assert_same(&c, &read);
    }
    struct cclip_config c = plain();
    c.vision.transformer.layer_scale = c.text.transformer.scale_heads = 1;
    c.vision.transformer.qk_norm = c.text.transformer.scaled_cosine = 1;
    c.vision.transformer.scale_attention = c.text.transformer.scale_mlp = 1;
    c.vision.transformer.scale_attention_inner = 1;
    c.vision.transformer.epsilon = 1e-3f;
    c.vision.norm_pre = 0;
    c.vision.norm_after_pool = 1;
    c.vision.pool = CCLIP_POOL_AVERAGE;
    c.text.pool = CCLIP_POOL_FIRST;
    c.text.causal = 0;
    c.text.projection = CCLIP_PROJECTION_NONE;
    c.embedding_dim = c.text.transformer.width;
    c.preprocessing.resize_mode = CCLIP_RESIZE_LONGEST;
    assert_ok(write_and_read(&read, &c, OPEN_CLIP));
    assert_same(&c, &read);
    c.vision.image_width = c.preprocessing.width = 64;
    assert_ok(write_and_read(&read, &c, OPEN_CLIP));
    assert_same(&c, &read);
}

/* int(width * ratio) gives the width back, for every width. */
static void test_mlp_ratio(void **state)
{
    struct cclip_config read, c = plain();
    (void)state;
    for (size_t hidden = 1; hidden < 700; hidden++) {
        c.vision.transformer.mlp_width = hidden;
        c.text.transformer.mlp_width = 3 * hidden;
        assert_ok(write_and_read(&read, &c, OPEN_CLIP));
        assert_int_equal(read.vision.transformer.mlp_width, hidden);
        assert_int_equal(read.text.transformer.mlp_width, 3 * hidden);
    }
    c = siglip();
    c.vision.transformer.width = c.embedding_dim = 1152;
    c.vision.transformer.heads = 16;
    c.vision.transformer.mlp_width = 4304;
    assert_ok(write_and_read(&read, &c, OPEN_CLIP));
    assert_int_equal(read.vision.transformer.mlp_width, 4304);
}

/* What timm has by name is written by name alone, which released versions of open_clip read. */
static void test_timm_names(void **state)
{
    struct cclip_config c = siglip(), read;
    cclip_json *root;
    (void)state;
    const struct cclip_timm_siglip *timm = cclip_timm_siglip_find("vit_so400m_patch14_siglip_384.webli");
    assert_non_null(timm);
    assert_null(cclip_timm_siglip_find("vit_so400m_patch14_siglip"));
    assert_null(cclip_timm_siglip_find("vit_base_patch16_siglip_gap_224"));
    assert_null(cclip_timm_siglip_find(""));
    for (int by_name = 1; by_name >= 0; by_name--) {
        struct cclip_transformer_config *t = &c.vision.transformer;
        t->width = c.embedding_dim = timm->width;
        t->layers = timm->layers;
        t->heads = timm->heads;
        t->mlp_width = timm->mlp_width;
        t->activation = by_name ? CCLIP_ACTIVATION_GELU : CCLIP_ACTIVATION_GELU_TANH;
        c.vision.patch_size = timm->patch;
        c.vision.image_height = c.vision.image_width = timm->image;
        c.preprocessing.height = c.preprocessing.width = timm->image;
        assert_ok(cclip_config_write_open_clip(&root, &c));
        const cclip_json *vision = cclip_json_get(cclip_json_get(root, "model_cfg"), "vision_cfg");
        const char *name = cclip_json_string(cclip_json_get(vision, "timm_model_name"), NULL);
        assert_int_equal(!strcmp(name, timm->name), by_name);
        assert_int_equal(cclip_json_is_null(cclip_json_get(vision, "timm_model_kwargs")), by_name);
        assert_ok(cclip_config_read_open_clip(&read, root, "config"));
        assert_same(&c, &read);
        cclip_json_close(&root);
    }
}

static void test_refused_options(void **state)
{
    static const char *const broken[][2] = {
        { "{\"timm_model_name\": \"vit_base_patch16_siglip_224\", \"timm_model_kwargs\": {\"qk_norm\": true}}",
          "config: the option qk_norm is not supported" },
        { "{\"timm_model_name\": \"convnext_base\"}", "config: the timm model convnext_base is not supported" },
        { "{\"qk_norm\": true, \"scaled_cosine_attn\": true}",
          "config: qk_norm together with scaled_cosine_attn is not supported" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct cclip_config read;
        cclip_json *root;
        char text[300];
        snprintf(text, sizeof text, "{\"embed_dim\": 768, \"vision_cfg\": %s, \"text_cfg\": {}}", broken[i][0]);
        assert_ok(cclip_json_parse(&root, text, strlen(text), "test"));
        assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_config_read_open_clip(&read, root, "config"));
        assert_string_equal(cclip_error_message(), broken[i][1]);
        cclip_json_close(&root);
    }
}

static void must_refuse(const struct cclip_config *c, enum form form, const char *what)
{
    struct cclip_config read;
    char expected[160];
    snprintf(expected, sizeof expected, "%s format cannot express %s",
             form == OPEN_CLIP ? "open_clip's" : "transformers'", what);
    assert_fails(CCLIP_ERROR_UNSUPPORTED, write_and_read(&read, c, form));
    assert_string_equal(cclip_error_message(), expected);
}

#define REFUSE(start, change, form, what)                                                          \
    do {                                                                                           \
        struct cclip_config c = start();                                                           \
        change;                                                                                    \
        must_refuse(&c, form, what);                                                               \
    } while (0)

static void test_cannot_express(void **state)
{
    (void)state;
    REFUSE(plain, c.vision.transformer.activation = CCLIP_ACTIVATION_GELU, OPEN_CLIP,
           "QuickGELU in only one of the towers");
    REFUSE(plain, c.text.transformer.activation = c.vision.transformer.activation = CCLIP_ACTIVATION_RELU,
           OPEN_CLIP, "ReLU towers");
    REFUSE(siglip, c.vision.transformer.epsilon = 1e-5f, OPEN_CLIP,
           "a SigLIP image tower with a layer norm epsilon other than 1e-6");
    REFUSE(siglip, c.text.transformer.activation = c.vision.transformer.activation = CCLIP_ACTIVATION_QUICK_GELU,
           OPEN_CLIP, "a SigLIP image tower with QuickGELU");
    REFUSE(plain, c.preprocessing.interpolation = CCLIP_LANCZOS, OPEN_CLIP,
           "resizing of pictures that is neither bicubic nor bilinear");
    REFUSE(plain, c.preprocessing.resize_to = 56, OPEN_CLIP,
           "resizing of pictures to another size than is cropped");
    REFUSE(plain, c.vision.kind = CCLIP_MODIFIED_RESNET, HUGGING_FACE, "a ResNet image tower");
    REFUSE(plain, c.text.transformer.layer_scale = 1, HUGGING_FACE, "layer scale");
    REFUSE(plain, c.vision.transformer.scale_mlp = 1, HUGGING_FACE, "custom attention blocks");
    REFUSE(plain, c.vision.pool = CCLIP_POOL_AVERAGE, HUGGING_FACE, "this image pooling");
    REFUSE(plain, c.vision.image_width = 64, HUGGING_FACE, "pictures that are not square");
    REFUSE(plain, c.text.class_embedding = 1, HUGGING_FACE, "a class embedding in the text tower");
    REFUSE(plain, c.text.causal = 0, HUGGING_FACE, "this text tower");
    REFUSE(siglip, c.text.causal = 1, HUGGING_FACE, "this text tower beside a SigLIP image tower");
    REFUSE(plain, c.preprocessing.resize_mode = CCLIP_RESIZE_LONGEST, HUGGING_FACE,
           "fitting pictures by their longest side");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_come_back),   cmocka_unit_test(test_mlp_ratio),
        cmocka_unit_test(test_timm_names),  cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_cannot_express),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
