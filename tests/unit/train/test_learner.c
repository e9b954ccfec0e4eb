/* What learning must keep: embeddings to the bit as in inference, gradients whatever the number of threads,
 * and a clean end when memory runs out. */
#include "support/fault.h"
#include "support/write_open_clip.h"

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/accumulate.h"
#include "train/ema.h"

enum { COUNT = 3, CONTEXT = 12, VOCABULARY = 40, SIDE = 64 };

static const char transformer[] =
    "{\"embed_dim\": 16, \"vision_cfg\": {\"layers\": 2, \"width\": 32, \"patch_size\": 16, "
    "\"image_size\": 64, \"head_width\": 16, \"ls_init_value\": 0.1, \"qk_norm\": true, \"scale_heads\": true, "
    "\"scale_attn_inner\": true, \"scale_attn\": true, \"scale_fc\": true}, \"text_cfg\": {\"context_length\": 12, "
    "\"vocab_size\": 40, \"width\": 32, \"heads\": 2, \"layers\": 2}}";

static char folder[512];
static struct cclip_model *model;
static int32_t ids[COUNT * CONTEXT];
static size_t offsets[COUNT + 1];
static float *pixels;

/* Names and shapes of the model above. */
static cclip_json *shapes(void)
{
    static const char *const towers[2] = { "visual.", "" };
    char text[16384];
    size_t n = 0;
    n += (size_t)snprintf(text + n, sizeof text - n,
                          "{\"logit_scale\": [], \"visual.conv1.weight\": [32, 3, 16, 16], "
                          "\"visual.class_embedding\": [32], \"visual.positional_embedding\": [17, 32], "
                          "\"visual.proj\": [32, 16], \"text_projection\": [32, 16], "
                          "\"positional_embedding\": [12, 32], \"token_embedding.weight\": [40, 32]");
    static const char *const norms[] = { "visual.ln_pre", "visual.ln_post", "ln_final" };
    for (int i = 0; i < 3; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", \"%s.weight\": [32], \"%s.bias\": [32]",
                              norms[i], norms[i]);
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 2; i++) {
            char p[80];
            snprintf(p, sizeof p, "%stransformer.resblocks.%d", towers[t], i);
            n += (size_t)snprintf(
                text + n, sizeof text - n,
                ", \"%s.ln_1.weight\": [32], \"%s.ln_1.bias\": [32], \"%s.ln_2.weight\": [32], "
                "\"%s.ln_2.bias\": [32], \"%s.attn.in_proj_weight\": [96, 32], "
                "\"%s.attn.in_proj_bias\": [96], \"%s.attn.out_proj.weight\": [32, 32], "
                "\"%s.attn.out_proj.bias\": [32], \"%s.mlp.c_fc.weight\": [128, 32], "
                "\"%s.mlp.c_fc.bias\": [128], \"%s.mlp.c_proj.weight\": [32, 128], "
                "\"%s.mlp.c_proj.bias\": [32]", p, p, p, p, p, p, p, p, p, p, p, p);
            if (t == 0)
                n += (size_t)snprintf(
                    text + n, sizeof text - n,
                    ", \"%s.ls_1.gamma\": [32], \"%s.ls_2.gamma\": [32], \"%s.attn.ln_q.weight\": [16], "
                    "\"%s.attn.ln_q.bias\": [16], \"%s.attn.ln_k.weight\": [16], \"%s.attn.ln_k.bias\": [16], "
                    "\"%s.attn.head_scale\": [2, 1, 1], \"%s.attn.ln_inner.weight\": [32], "
                    "\"%s.attn.ln_inner.bias\": [32], \"%s.ln_attn.weight\": [32], \"%s.ln_attn.bias\": [32], "
                    "\"%s.mlp.ln.weight\": [128], \"%s.mlp.ln.bias\": [128]",
                    p, p, p, p, p, p, p, p, p, p, p, p, p);
        }
    snprintf(text + n, sizeof text - n, "}");
    cclip_json *root;
    assert_ok(cclip_json_parse(&root, text, strlen(text), "shapes"));
    return root;
}

static int set_up(void **state)
{
    char text[1024];
    cclip_json *config, *tensors = shapes();
    struct cclip_thread_pool *pool;
    (void)state;
    snprintf(text, sizeof text, "{\"model_cfg\": %s}", transformer);
    assert_ok(cclip_json_parse(&config, text, strlen(text), "config"));
    assert_ok(cclip_thread_pool_open(&pool, 1));
    formula_work_folder(folder, sizeof folder, "learner");
    write_formula_folder(folder, config, tensors, 0, pool);
    cclip_thread_pool_close(&pool);
    cclip_json_close(&config);
    cclip_json_close(&tensors);
    const struct cclip_model_request request = { .path = folder };
    assert_ok(cclip_models_open(&model, &request));
    pixels = formula_images("learner.images", COUNT, SIDE, SIDE);
    assert_non_null(pixels);
    for (size_t i = 0; i <= COUNT; i++) {
        offsets[i] = i * CONTEXT;
        if (i < COUNT)
            formula_tokens(ids + i * CONTEXT, "learner.tokens", i, CONTEXT, VOCABULARY);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cclip_models_close(&model);
    remove_formula_folder(folder);
    free(pixels);
    return 0;
}

static cclip_status one_step(void *context)
{
    struct cclip_thread_pool *pool = NULL;
    struct cclip_device device = { 0 };
    struct cclip_arena arena = { 0 };
    struct cclip_learner *learner = NULL;
    struct cclip_adamw adamw = { 0 };
    struct cclip_train_figures figures;
    const struct cclip_train_batch batch = { .pixels = pixels, .ids = ids, .offsets = offsets, .count = COUNT };
    (void)context;
    cclip_status status = cclip_cpu_device_open(&device, pool, cclip_cpu_features());
    if (!status)
        status = cclip_learner_open(&learner, model, &device);
    if (!status)
        status = cclip_adamw_open(&adamw, &learner->parameters);
    adamw.beta1 = 0.9, adamw.beta2 = 0.98, adamw.epsilon = 1e-6;
    if (!status)
        status = cclip_train_step(learner, cclip_contrastive_loss, &adamw, &batch, &arena, 1e-3,
                                  &figures);
    cclip_adamw_close(&adamw);
    cclip_learner_close(&learner);
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
    return status;
}

/* The same in parts, with blocks computed anew and patches left out, and an average of what comes of it. */
static cclip_status one_step_in_parts(void *context)
{
    struct cclip_device device = { 0 };
    struct cclip_arena arena = { 0 };
    struct cclip_learner *learner = NULL;
    struct cclip_ema ema = { 0 };
    const struct cclip_train_batch batch = { .pixels = pixels, .ids = ids, .offsets = offsets, .count = COUNT };
    double loss;
    (void)context;
    cclip_status status = cclip_cpu_device_open(&device, NULL, cclip_cpu_features());
    if (!status)
        status = cclip_learner_open(&learner, model, &device);
    if (!status) {
        learner->recompute = 1;
        learner->patch_dropout = (struct cclip_patch_dropout){ .rate = 0.5, .seed = 1 };
        status = cclip_ema_open(&ema, &learner->parameters);
    }
    if (!status)
        status = cclip_train_accumulate(learner, cclip_contrastive_loss, &batch, 2, &arena, 1, &loss);
    cclip_ema_close(&ema);
    cclip_learner_close(&learner);
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(one_step_in_parts, NULL) > 50);
    assert_true(cclip_fault_each(one_step, NULL) > 50);
}

static void same_as_inference(void **state)
{
    struct cclip_device device;
    struct cclip_arena arena = { 0 };
    struct cclip_learner *learner;
    float *out[CCLIP_TOWERS], expected[COUNT * 16];
    (void)state;
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    assert_ok(cclip_learner_open(&learner, model, &device));
    assert_ok(cclip_learner_forward(learner, out, pixels, ids, offsets, COUNT, 1));
    struct cclip_forward forward = { .device = &device, .arena = &arena };
    for (int tower = 0; tower < CCLIP_TOWERS; tower++)
        assert_ok(cclip_models_prepare(model, (enum cclip_tower)tower, &device));
    assert_ok(cclip_models_embed_pixels(model, &forward, expected, pixels, COUNT, 1));
    assert_memory_equal(out[CCLIP_IMAGE_TOWER], expected, sizeof expected);
    assert_ok(cclip_models_embed_tokens(model, &forward, expected, ids, COUNT, CONTEXT, 1));
    assert_memory_equal(out[CCLIP_TEXT_TOWER], expected, sizeof expected);
    cclip_learner_close(&learner);
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
}

/* The gradients of all parameters, in new memory. */
static float *gradients(int threads, size_t *count)
{
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    struct cclip_arena arena = { 0 };
    struct cclip_learner *learner;
    const struct cclip_train_batch batch = { .pixels = pixels, .ids = ids, .offsets = offsets, .count = COUNT };
    double loss;
    assert_ok(cclip_thread_pool_open(&pool, threads));
    assert_ok(cclip_cpu_device_open(&device, pool, cclip_cpu_features()));
    assert_ok(cclip_learner_open(&learner, model, &device));
    assert_ok(cclip_train_gradients(learner, cclip_contrastive_loss, &batch, &arena, 1, &loss));
    *count = learner->parameters.elements;
    float *out = malloc(*count * sizeof *out);
    assert_non_null(out);
    memcpy(out, learner->parameters.gradients, *count * sizeof *out);
    cclip_learner_close(&learner);
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
    return out;
}

static void same_with_any_threads(void **state)
{
    size_t count;
    float *one = gradients(1, &count), *three = gradients(3, &count);
    (void)state;
    assert_memory_equal(one, three, count * sizeof *one);
    free(one);
    free(three);
}

/* The whole way, LayerScale included: the loss along the gradient falls as the gradient says. */
static void along_the_gradient(void **state)
{
    struct cclip_device device;
    struct cclip_arena arena = { 0 };
    struct cclip_learner *learner;
    const struct cclip_train_batch batch = { .pixels = pixels, .ids = ids, .offsets = offsets, .count = COUNT };
    double loss[3], square = 0;
    (void)state;
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    assert_ok(cclip_learner_open(&learner, model, &device));
    assert_ok(cclip_train_gradients(learner, cclip_contrastive_loss, &batch, &arena, 1, &loss[0]));
    struct cclip_trainables *set = &learner->parameters;
    float *slope = malloc(set->elements * sizeof *slope);
    assert_non_null(slope);
    memcpy(slope, set->gradients, set->elements * sizeof *slope);
    for (size_t k = 0; k < set->count; k++) { /* LayerScale alone: nothing else here has its tests elsewhere */
        const int only = strstr(set->items[k].name, "gamma") != NULL;
        for (size_t i = 0; i < set->items[k].count; i++)
            square += only ? pow(slope[set->items[k].begin + i], 2) : 0;
    }
    const float step = (float)(1e-2 / sqrt(square));
    for (int side = 1; side <= 2; side++) {
        for (size_t k = 0; k < set->count; k++)
            for (size_t i = 0; strstr(set->items[k].name, "gamma") && i < set->items[k].count; i++)
                set->values[set->items[k].begin + i] += (side == 1 ? 1 : -2) * step * slope[set->items[k].begin + i];
        assert_ok(cclip_train_gradients(learner, cclip_contrastive_loss, &batch, &arena, 1, &loss[side]));
    }
    assert_true(square > 0);
    assert_true(fabs((loss[1] - loss[2]) / (2e-2 * sqrt(square)) - 1) <= 5e-3);
    free(slope);
    cclip_learner_close(&learner);
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_inference),
        cmocka_unit_test(same_with_any_threads),
        cmocka_unit_test(along_the_gradient),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
