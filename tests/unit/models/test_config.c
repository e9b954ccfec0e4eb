/* Configurations: what the readers take from both JSON forms, and what they refuse, each with a message that
 * names the file and the key or the sizes. */
#include "support/unit.h"

#include "models/config.h"

static cclip_status read(struct cclip_config *out, const char *text)
{
    cclip_json *root;
    assert_ok(cclip_json_parse(&root, text, strlen(text), "test.json"));
    const cclip_status status = cclip_config_is_hugging_face(root)
                                    ? cclip_config_read_hugging_face(out, root, NULL, NULL, "test.json")
                                    : cclip_config_read_open_clip(out, root, "test.json");
    cclip_json_close(&root);
    return status;
}

#define TEXT "\"text_cfg\": {\"width\": 64, \"heads\": 2, \"layers\": 1}"
#define VIT "\"image_size\": 32, \"patch_size\": 8, \"width\": 128, \"layers\": 2"

static void test_open_clip_sizes(void **state)
{
    struct cclip_config c;
    (void)state;
    assert_ok(read(&c, "{\"model_cfg\": {\"embed_dim\": 32, \"vision_cfg\": {" VIT
                       ", \"head_width\": 32, \"mlp_ratio\": 4.9231}, " TEXT "}}"));
    assert_int_equal(c.embedding_dim, 32);
    assert_int_equal(c.vision.transformer.heads, 4);
    assert_int_equal(c.vision.transformer.mlp_width, 630); /* int(128 * 4.9231) */
    assert_int_equal(c.vision.transformer.activation, CCLIP_ACTIVATION_GELU);
    assert_int_equal(c.text.context_length, 77);
    assert_int_equal(c.text.transformer.heads, 2);
    assert_int_equal(c.text.pool, CCLIP_POOL_HIGHEST_ID);
    assert_ok(read(&c, "{\"embed_dim\": 32, \"quick_gelu\": true, \"init_logit_bias\": -10, \"vision_cfg\": "
                       "{\"image_size\": 64, \"width\": 8, \"layers\": [1, 2, 1, 1]}, " TEXT "}"));
    assert_int_equal(c.vision.kind, CCLIP_MODIFIED_RESNET);
    assert_int_equal(c.vision.attention_heads, 4);
    assert_int_equal(c.vision.stage_blocks[1], 2);
    assert_int_equal(c.text.transformer.activation, CCLIP_ACTIVATION_QUICK_GELU);
    assert_true(c.has_logit_bias);
    assert_ok(read(&c, "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": [32, 48], \"width\": 64, "
                       "\"patch_size\": 16, \"layers\": 1}, " TEXT "}"));
    assert_int_equal(c.vision.image_height, 32);
    assert_int_equal(c.vision.image_width, 48);
}

static void test_hugging_face_sizes(void **state)
{
    struct cclip_config c;
    (void)state;
    assert_ok(read(&c, "{\"model_type\": \"clip\", \"text_config\": {}, \"vision_config\": {}}"));
    assert_int_equal(c.embedding_dim, 512); /* transformers' defaults: ViT-B/32 */
    assert_int_equal(c.vision.transformer.width, 768);
    assert_int_equal(c.vision.patch_size, 32);
    assert_int_equal(c.text.transformer.heads, 8);
    assert_int_equal(c.text.pool, CCLIP_POOL_END_TOKEN);
    assert_int_equal(c.text.end_id, 49407);
    assert_ok(read(&c, "{\"model_type\": \"clip\", \"text_config\": {\"eos_token_id\": 2}, "
                       "\"vision_config\": {\"hidden_act\": \"gelu\"}}"));
    assert_int_equal(c.text.pool, CCLIP_POOL_HIGHEST_ID);
    assert_int_equal(c.vision.transformer.activation, CCLIP_ACTIVATION_GELU);
    assert_int_equal(c.text.transformer.activation, CCLIP_ACTIVATION_QUICK_GELU);
    assert_ok(read(&c, "{\"model_type\": \"siglip\", \"text_config\": {}, \"vision_config\": {}}"));
    assert_int_equal(c.embedding_dim, 768);
    assert_int_equal(c.vision.pool, CCLIP_POOL_MAP);
    assert_false(c.text.causal);
    assert_true(c.has_logit_bias);
}

static void test_refused(void **state)
{
    static const struct {
        const char *config, *says;
    } refused[] = {
        { "{\"embed_dim\": 32}", "vision_cfg" },
        { "{\"embed_dim\": 0, \"vision_cfg\": {" VIT "}, " TEXT "}", "embedding dimension" },
        { "{\"embed_dim\": \"x\", \"vision_cfg\": {" VIT "}, " TEXT "}", "embed_dim" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"head_width\": 40}, " TEXT "}", "heads" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"new_option\": true}, " TEXT "}", "new_option" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"pool_type\": \"max\"}, " TEXT "}", "max" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"timm_model_name\": \"resnet50\"}, " TEXT "}",
          "resnet50" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": 4, \"patch_size\": 8}, " TEXT "}", "patch size" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": 48, \"layers\": [1, 1, 1, 1]}, " TEXT "}",
          "multiple of 32" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": 64, \"layers\": [1, 1, 1]}, " TEXT "}", "layers" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"attentional_pool\": true, \"attn_pooler_heads\": 5}, "
          TEXT "}", "attentional pooling" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"attentional_pool\": true, \"attn_pooler_heads\": 0}, "
          TEXT "}", "attentional pooling" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"attentional_pool\": true, \"attn_pooler_queries\": 1, "
          "\"pool_type\": \"avg\"}, " TEXT "}", "mean" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT "}, \"text_cfg\": {\"width\": 64, \"heads\": 2, "
          "\"layers\": 1, \"proj_type\": \"none\"}}", "projection" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": 32, \"timm_model_name\": "
          "\"vit_base_patch16_siglip_224\"}, " TEXT "}", "projection" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT "}, \"text_cfg\": {\"hf_model_name\": \"roberta\"}}",
          "roberta" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT "}, \"text_cfg\": {\"vocab_size\": 1}}", "vocabulary" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT "}, \"text_cfg\": {\"context_length\": 10000000}}",
          "context" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT "}, \"text_cfg\": {\"hf_model_name\": \"roberta-base\", "
          "\"hf_pooler_type\": \"mean_pooler\"}}", "roberta-base" },
        { "{\"model_type\": \"clip\", \"text_config\": 1, \"vision_config\": {}}", "text_config" },
        { "{\"model_type\": \"clip\", \"text_config\": {\"hidden_act\": \"swish\"}, \"vision_config\": {}}",
          "swish" },
        { "{\"model_type\": \"clip\", \"text_config\": {}, \"vision_config\": {\"num_channels\": 4}}",
          "num_channels" },
        { "{\"model_type\": \"clip\", \"text_config\": {\"num_attention_heads\": 0}, \"vision_config\": {}}",
          "heads" },
        { "{\"model_type\": \"clip\", \"text_config\": {\"hidden_act\": 7}, \"vision_config\": {}}",
          "\"hidden_act\" must be a text" },
        { "{\"model_type\": \"clip\", \"text_config\": {\"layer_norm_eps\": \"small\"}, \"vision_config\": {}}",
          "\"layer_norm_eps\" must be a number" },
        { "{\"model_type\": \"clip\", \"text_config\": {\"eos_token_id\": \"</s>\"}, \"vision_config\": {}}",
          "token id" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"no_ln_pre\": 1}, " TEXT "}", "true or false" },
        { "{\"embed_dim\": 32, \"vision_cfg\": {" VIT ", \"pool_type\": 1}, " TEXT "}", "must be a text" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct cclip_config c;
        if (!read(&c, refused[i].config))
            fail_msg("was read: %s", refused[i].config);
        if (!strstr(cclip_error_message(), refused[i].says) || !strstr(cclip_error_message(), "test.json"))
            fail_msg("%s\n    says: %s", refused[i].config, cclip_error_message());
        assert_null(strchr(cclip_error_message(), '\n'));
    }
}

static cclip_status read_preprocessor(struct cclip_config *out, const char *text)
{
    static const char model[] = "{\"model_type\": \"clip\", \"text_config\": {}, \"vision_config\": {}}";
    cclip_json *root, *preprocessor;
    assert_ok(cclip_json_parse(&root, model, sizeof model - 1, "config.json"));
    assert_ok(cclip_json_parse(&preprocessor, text, strlen(text), "preprocessor.json"));
    const cclip_status status =
        cclip_config_read_hugging_face(out, root, preprocessor, "preprocessor.json", "config.json");
    cclip_json_close(&root);
    cclip_json_close(&preprocessor);
    return status;
}

/* Steps that a preprocessor leaves out or does otherwise are followed or refused, never passed over. */
static void test_preprocessor_steps(void **state)
{
    static const char *const refused[] = { "{\"do_rescale\": false}", "{\"do_resize\": false}",
                                           "{\"rescale_factor\": 0.00784}", "{\"rescale_factor\": 1}",
                                           "{\"image_std\": [0, 1, 1]}", "{\"crop_size\": 64}",
                                           "{\"do_resize\": 1}", "{\"size\": 0}",
                                           "{\"size\": {\"shortest_edge\": 0}}",
                                           "{\"resample\": \"bicubic\"}", "{\"resample\": 4}",
                                           "{\"image_processor\": 3}" };
    struct cclip_config c;
    (void)state;
    assert_ok(read_preprocessor(&c, "{\"do_rescale\": true, \"rescale_factor\": 0.00392156862745098}"));
    assert_true(c.preprocessing.mean[0] > 0.4f && c.preprocessing.std[0] < 0.3f);
    assert_ok(read_preprocessor(&c, "{\"do_normalize\": false, \"image_mean\": [0.5, 0.5, 0.5]}"));
    for (int i = 0; i < 3; i++)
        assert_true(c.preprocessing.mean[i] == 0 && c.preprocessing.std[i] == 1);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (!read_preprocessor(&c, refused[i]))
            fail_msg("was read: %s", refused[i]);
        assert_non_null(strstr(cclip_error_message(), "preprocessor.json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_clip_sizes),
        cmocka_unit_test(test_hugging_face_sizes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_preprocessor_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
