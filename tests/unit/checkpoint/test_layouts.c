/* Tables of names: each row both ways, joined tensors, what no table has, buffers. */
#include "support/unit.h"

#include "checkpoint/layouts.h"

/* Theirs for ours, and back. */
static void check(const char *layout, const char *theirs, const char *ours,
                  enum cclip_layout_change change, unsigned first, unsigned end)
{
    struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS];
    char name[CCLIP_LAYOUT_NAME];
    const struct cclip_layout *table = cclip_layout_find(layout);
    assert_non_null(table);
    const struct cclip_layout_row *row = cclip_layout_to_ours(table, theirs, name);
    assert_non_null(row);
    assert_string_equal(name, ours);
    assert_int_equal(row->change, change);
    assert_int_equal(row->first, first);
    assert_int_equal(row->end, end);
    const int count = cclip_layout_to_theirs(table, ours, parts);
    int found = 0;
    for (int i = 0; i < count && i < CCLIP_LAYOUT_PARTS; i++)
        found += !strcmp(parts[i].theirs, theirs) && parts[i].row == row;
    assert_int_equal(found, 1);
}

static void test_rows(void **state)
{
    static const struct {
        const char *layout, *theirs, *ours;
        enum cclip_layout_change change;
        unsigned first, end;
    } rows[] = {
        { "openai", "text_projection", "text.text_projection", CCLIP_AS_IT_IS, 0, 0 },
        { "openai", "transformer.resblocks.11.ln_1.bias", "text.transformer.resblocks.11.ln_1.bias",
          CCLIP_AS_IT_IS, 0, 0 },
        { "openai", "visual.layer1.0.bn1.running_var", "visual.layer1.0.bn1.running_var",
          CCLIP_AS_IT_IS, 0, 0 },
        { "openai", "logit_scale", "logit_scale", CCLIP_SCALAR, 0, 0 },
        { "open_clip", "text.cls_emb", "text.cls_emb", CCLIP_AS_IT_IS, 0, 0 },
        { "open_clip_timm", "visual.trunk.pos_embed", "visual.positional_embedding",
          CCLIP_LEADING_ONE, 0, 0 },
        { "open_clip_timm", "visual.trunk.attn_pool.q.bias", "visual.attn_pool.in_proj_bias",
          CCLIP_AS_IT_IS, 0, 1 },
        { "open_clip_timm", "visual.trunk.attn_pool.kv.weight", "visual.attn_pool.in_proj_weight",
          CCLIP_AS_IT_IS, 1, 3 },
        { "open_clip_timm", "visual.trunk.blocks.3.attn.qkv.weight",
          "visual.transformer.resblocks.3.attn.in_proj_weight", CCLIP_AS_IT_IS, 0, 0 },
        { "hf_clip", "vision_model.encoder.layers.7.self_attn.k_proj.weight",
          "visual.transformer.resblocks.7.attn.in_proj_weight", CCLIP_AS_IT_IS, 1, 2 },
        { "hf_clip", "vision_model.pre_layrnorm.weight", "visual.ln_pre.weight", CCLIP_AS_IT_IS, 0, 0 },
        { "hf_clip", "visual_projection.weight", "visual.proj", CCLIP_TRANSPOSED, 0, 0 },
        { "hf_siglip", "logit_bias", "logit_bias", CCLIP_ONE_ELEMENT, 0, 0 },
        { "hf_siglip", "text_model.head.bias", "text.text_projection.bias", CCLIP_AS_IT_IS, 0, 0 },
        { "hf_siglip", "vision_model.head.attention.in_proj_weight", "visual.attn_pool.in_proj_weight",
          CCLIP_AS_IT_IS, 0, 0 },
        /* clip.cpp calls the first layer of an MLP "down" */
        { "clip.cpp", "t.blk.1.ffn_down.weight", "text.transformer.resblocks.1.mlp.c_fc.weight",
          CCLIP_AS_IT_IS, 0, 0 },
        { "clip.cpp", "v.blk.0.ffn_up.bias", "visual.transformer.resblocks.0.mlp.c_proj.bias",
          CCLIP_AS_IT_IS, 0, 0 },
        { "clip.cpp", "text_projection.weight", "text.text_projection", CCLIP_TRANSPOSED, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i].layout, rows[i].theirs, rows[i].ours, rows[i].change, rows[i].first, rows[i].end);
}

static void test_joined(void **state)
{
    struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS];
    (void)state;
    const struct cclip_layout *hf = cclip_layout_find("hf_clip");
    assert_int_equal(cclip_layout_to_theirs(hf, "text.transformer.resblocks.10.attn.in_proj_bias", parts),
                     3);
    assert_string_equal(parts[0].theirs, "text_model.encoder.layers.10.self_attn.q_proj.bias");
    assert_string_equal(parts[1].theirs, "text_model.encoder.layers.10.self_attn.k_proj.bias");
    assert_string_equal(parts[2].theirs, "text_model.encoder.layers.10.self_attn.v_proj.bias");
    const struct cclip_layout *timm = cclip_layout_find("open_clip_timm");
    assert_int_equal(cclip_layout_to_theirs(timm, "visual.attn_pool.in_proj_weight", parts), 2);
    assert_int_equal(parts[0].row->end, 1);
    assert_int_equal(parts[1].row->first, 1);
    assert_int_equal(cclip_layout_to_theirs(timm, "visual.transformer.resblocks.0.attn.in_proj_bias",
                                            parts),
                     1);
}

static void test_no_place(void **state)
{
    struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS];
    char name[CCLIP_LAYOUT_NAME], longest[2 * CCLIP_LAYOUT_NAME];
    (void)state;
    assert_null(cclip_layout_find("caffe"));
    const struct cclip_layout *hf = cclip_layout_find("hf_clip");
    static const char *const strangers[] = { "vision_model.encoder.layers.x.layer_norm1.weight",
                                             "vision_model.encoder.layers..layer_norm1.weight",
                                             "vision_model.encoder.layers.1.layer_norm1.weight.more",
                                             "text_model.head.weight", "", "visual." };
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        assert_null(cclip_layout_to_ours(hf, strangers[i], name));
    assert_int_equal(cclip_layout_to_theirs(hf, "visual.layer1.0.conv1.weight", parts), 0);
    assert_int_equal(cclip_layout_to_theirs(hf, "text.transformer.resblocks.0.ls_1.gamma", parts), 0);
    const struct cclip_layout *openai = cclip_layout_find("openai");
    assert_null(cclip_layout_to_ours(openai, "visual.", name));
    /* Names that would not fit. */
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "visual.", 7);
    assert_null(cclip_layout_to_ours(openai, longest, name));
    assert_int_equal(cclip_layout_to_theirs(openai, longest, parts), 0);
    longest[CCLIP_LAYOUT_NAME - 1] = '\0';
    memcpy(longest, "transformer.", 12); /* longer under our name */
    assert_null(cclip_layout_to_ours(openai, longest, name));
}

/* Every row of every table leads back to itself: no two rows mean the same tensor. */
static void test_tables_are_one_to_one(void **state)
{
    static const char *const ours[] = {
        "visual.conv1.weight", "visual.conv1.bias", "visual.positional_embedding", "visual.ln_post.bias",
        "visual.transformer.resblocks.0.attn.in_proj_weight", "visual.transformer.resblocks.0.ln_1.weight",
        "visual.transformer.resblocks.0.mlp.c_fc.weight", "visual.transformer.resblocks.0.mlp.c_proj.bias",
        "text.token_embedding.weight", "text.positional_embedding", "text.ln_final.weight",
        "text.transformer.resblocks.5.attn.out_proj.weight", "text.text_projection",
        "text.text_projection.weight", "visual.attn_pool.latent", "visual.attn_pool.in_proj_bias",
        "visual.attn_pool.mlp.c_fc.bias", "logit_scale", "logit_bias", "visual.proj",
        "visual.class_embedding", "visual.ln_pre.bias",
    };
    size_t checked = 0;
    (void)state;
    const struct cclip_layout *layout;
    for (size_t l = 0; (layout = cclip_layout_at(l)); l++) {
        assert_ptr_equal(cclip_layout_find(cclip_layout_name(layout)), layout);
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS];
            const int count = cclip_layout_to_theirs(layout, ours[i], parts);
            unsigned end = 0;
            for (int k = 0; k < count && k < CCLIP_LAYOUT_PARTS; k++) {
                char name[CCLIP_LAYOUT_NAME];
                assert_ptr_equal(cclip_layout_to_ours(layout, parts[k].theirs, name), parts[k].row);
                assert_string_equal(name, ours[i]);
                assert_int_equal(parts[k].row->first, end); /* rows without a gap */
                end = parts[k].row->end;
                checked++;
            }
        }
    }
    assert_true(checked > 80);
}

static void test_buffers(void **state)
{
    (void)state;
    assert_true(cclip_layout_is_buffer("text_model.embeddings.position_ids"));
    assert_true(cclip_layout_is_buffer("input_resolution"));
    assert_true(cclip_layout_is_buffer("text.attn_mask"));
    assert_true(cclip_layout_is_buffer("visual.bn1.num_batches_tracked"));
    assert_true(cclip_layout_is_batch_count("visual.bn1.num_batches_tracked"));
    assert_false(cclip_layout_is_buffer("visual.bn1.running_mean"));
    assert_false(cclip_layout_is_buffer("visual.context_length.weight"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_joined),
        cmocka_unit_test(test_no_place), cmocka_unit_test(test_tables_are_one_to_one),
        cmocka_unit_test(test_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
