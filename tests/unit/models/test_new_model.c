/* New models: what they are drawn from, and that they can be written and opened again. */
#include "support/fault.h"
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "base/new_folder.h"
#include "cpu/cpu_device.h"
#include "models/architectures.h"
#include "models/convert.h"
#include "models/new_model.h"
#include "support/made_files.h"

static const char vit[] =
    "{\"embed_dim\": 96, \"vision_cfg\": {\"image_size\": 32, \"layers\": 2, \"width\": 128, "
    "\"head_width\": 64, \"patch_size\": 8}, \"text_cfg\": {\"context_length\": 16, \"vocab_size\": 600, "
    "\"width\": 64, \"heads\": 2, \"layers\": 3}}";
static const char resnet[] =
    "{\"model_cfg\": {\"embed_dim\": 96, \"init_logit_scale\": 1.5, \"vision_cfg\": {\"image_size\": 64, "
    "\"layers\": [1, 2, 1, 1], \"width\": 8, \"head_width\": 32, \"patch_size\": null}, \"text_cfg\": "
    "{\"context_length\": 16, \"vocab_size\": 600, \"width\": 64, \"heads\": 2, \"layers\": 3}}}";

static const char custom[] =
    "{\"embed_dim\": 96, \"vision_cfg\": {\"image_size\": 32, \"layers\": 2, \"width\": 128, \"head_width\": 32, "
    "\"patch_size\": 8, \"qk_norm\": true, \"scale_heads\": true}, \"text_cfg\": {\"context_length\": 16, "
    "\"vocab_size\": 600, \"width\": 64, \"heads\": 2, \"layers\": 3, \"scaled_cosine_attn\": true}}";

struct new_one {
    struct cclip_model *model;
    float *values;
};

static struct new_one make(const char *config, uint64_t seed, int sigmoid)
{
    struct new_one made;
    const struct cclip_model_request request = { .path = made_file("new.json", config, strlen(config)) };
    assert_ok(cclip_models_new(&made.model, &made.values, &request, seed, sigmoid));
    return made;
}

static void made_close(struct new_one *made)
{
    cclip_models_close(&made->model);
    cclip_release_aligned(made->values);
}

/* Standard deviation and largest value of a tensor, whose mean is taken for 0. */
static void measure(const struct new_one *made, const char *name, double *deviation, double *largest)
{
    size_t shape[CCLIP_LIMIT_TENSOR_RANK], count = 1;
    int rank;
    double sum = 0;
    *largest = 0;
    assert_ok(cclip_weights_shape(made->model->weights, name, shape, &rank));
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    assert_ok(cclip_weights_read(made->model->weights, name, values));
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * values[i];
        *largest = fmax(*largest, fabs(values[i]));
    }
    *deviation = sqrt(sum / (double)count);
    free(values);
}

static void is_normal(const struct new_one *made, const char *name, double wanted)
{
    double deviation, largest;
    measure(made, name, &deviation, &largest);
    if (!(fabs(deviation - wanted) <= 0.15 * wanted) || !(largest > 2 * wanted))
        fail_msg("%s: deviation %g, largest %g, not a normal one of %g", name, deviation, largest, wanted);
}

static void is_uniform(const struct new_one *made, const char *name, double bound)
{
    double deviation, largest;
    measure(made, name, &deviation, &largest);
    if (!(fabs(deviation - bound / sqrt(3)) <= 0.2 * bound) || !(largest <= bound) || !(largest > 0.8 * bound))
        fail_msg("%s: deviation %g, largest %g, not uniform within %g", name, deviation, largest, bound);
}

static void is_constant(const struct new_one *made, const char *name, double wanted)
{
    double deviation, largest;
    measure(made, name, &deviation, &largest);
    if (!(fabs(deviation - fabs(wanted)) <= 1e-6) || !(fabs(largest - fabs(wanted)) <= 1e-6))
        fail_msg("%s: deviation %g, largest %g, not always %g", name, deviation, largest, wanted);
}

/* The widths: image 128, text 64 with 3 layers. Figures by hand from CLIP's initialize_parameters. */
static void transformer(void **state)
{
    struct new_one made = make(vit, 1, 0);
    (void)state;
    is_normal(&made, "text.token_embedding.weight", 0.02);
    is_normal(&made, "text.positional_embedding", 0.01);
    is_normal(&made, "text.text_projection", 0.125);
    is_normal(&made, "text.transformer.resblocks.2.attn.in_proj_weight", 0.125);
    is_normal(&made, "text.transformer.resblocks.2.attn.out_proj.weight", 0.125 / sqrt(6));
    is_normal(&made, "text.transformer.resblocks.2.mlp.c_fc.weight", 1 / sqrt(128));
    is_normal(&made, "text.transformer.resblocks.2.mlp.c_proj.weight", 0.125 / sqrt(6));
    is_uniform(&made, "text.transformer.resblocks.2.mlp.c_fc.bias", 0.125);
    is_uniform(&made, "text.transformer.resblocks.2.mlp.c_proj.bias", 1.0 / 16);
    is_constant(&made, "text.transformer.resblocks.2.attn.in_proj_bias", 0);
    is_constant(&made, "text.transformer.resblocks.2.attn.out_proj.bias", 0);
    is_constant(&made, "text.ln_final.weight", 1);
    is_constant(&made, "text.ln_final.bias", 0);
    is_normal(&made, "visual.class_embedding", 1 / sqrt(128));
    is_normal(&made, "visual.positional_embedding", 1 / sqrt(128));
    is_normal(&made, "visual.proj", 1 / sqrt(128));
    is_uniform(&made, "visual.conv1.weight", 1 / sqrt(3 * 64));
    is_uniform(&made, "visual.transformer.resblocks.0.attn.in_proj_weight", sqrt(6.0 / 512));
    is_uniform(&made, "visual.transformer.resblocks.0.attn.out_proj.weight", 1 / sqrt(128));
    is_uniform(&made, "visual.transformer.resblocks.0.mlp.c_proj.weight", 1 / sqrt(512));
    is_constant(&made, "logit_scale", log(1 / 0.07));
    assert_false(cclip_weights_has(made.model->weights, "logit_bias"));
    made_close(&made);
}

/* open_clip's custom blocks, where they differ; heads are 32 wide. */
static void custom_blocks(void **state)
{
    struct new_one made = make(custom, 1, 0);
    (void)state;
    is_normal(&made, "visual.transformer.resblocks.1.attn.in_proj_weight", 1 / sqrt(32));
    is_constant(&made, "visual.transformer.resblocks.1.attn.in_proj_bias", 0);
    is_uniform(&made, "visual.transformer.resblocks.1.attn.out_proj.bias", 1 / sqrt(128));
    is_constant(&made, "visual.transformer.resblocks.1.attn.ln_q.weight", 1);
    is_constant(&made, "visual.transformer.resblocks.1.attn.ln_k.bias", 0);
    is_constant(&made, "visual.transformer.resblocks.1.attn.head_scale", 1);
    is_normal(&made, "text.transformer.resblocks.2.attn.in_proj_weight", 0.125);
    is_uniform(&made, "text.transformer.resblocks.2.attn.out_proj.bias", 0.125);
    is_constant(&made, "text.transformer.resblocks.2.attn.logit_scale", log(10));
    made_close(&made);
}

static void residual_network(void **state)
{
    struct new_one made = make(resnet, 1, 1);
    (void)state;
    is_constant(&made, "visual.layer2.1.bn3.weight", 0);
    is_constant(&made, "visual.layer2.1.bn2.weight", 1);
    is_constant(&made, "visual.bn1.running_mean", 0);
    is_constant(&made, "visual.bn1.running_var", 1);
    is_constant(&made, "visual.bn1.num_batches_tracked", 0);
    is_uniform(&made, "visual.layer4.0.conv2.weight", 1 / sqrt(64 * 9));
    is_normal(&made, "visual.attnpool.q_proj.weight", 1.0 / 16);
    is_normal(&made, "visual.attnpool.positional_embedding", 1.0 / 16);
    is_uniform(&made, "visual.attnpool.q_proj.bias", 1.0 / 16);
    is_constant(&made, "logit_scale", 1.5); /* the configuration's own */
    is_constant(&made, "logit_bias", -10);
    assert_true(made.model->config.has_logit_bias);
    made_close(&made);
    made = make(vit, 1, 1);
    is_constant(&made, "logit_scale", log(10));
    made_close(&made);
}

static void seeds(void **state)
{
    struct new_one first = make(vit, 7, 0), again = make(vit, 7, 0), other = make(vit, 8, 0);
    (void)state;
    assert_memory_equal(first.values, again.values, 4000 * sizeof(float));
    assert_memory_not_equal(first.values, other.values, 4000 * sizeof(float));
    made_close(&first);
    made_close(&again);
    made_close(&other);
}

/* Made, learned from, written, opened: the values are those of the learner. */
static cclip_status round_trip(void *context)
{
    static const int64_t batches = 5;
    const struct cclip_model_request request = { .path = context };
    struct new_one made = { 0 };
    struct cclip_device device;
    struct cclip_learner *learner = NULL;
    struct cclip_model *written = NULL, *opened = NULL;
    struct cclip_new_folder folder = { 0 };
    cclip_status status = cclip_cpu_device_open(&device, NULL, cclip_cpu_features());
    if (status)
        return status;
    status = cclip_models_new(&made.model, &made.values, &request, 3, 0);
    if (!status)
        status = cclip_learner_open(&learner, made.model, &device);
    if (!status)
        status = cclip_models_open_learner(&written, &request, learner, &batches);
    if (!status)
        status = cclip_new_folder_open(&folder, made_path("written"));
    if (!status)
        status = cclip_models_write_open_clip(written, folder.temporary, "open_clip_model.safetensors");
    if (folder.temporary)
        status = cclip_new_folder_commit(&folder, status);
    const struct cclip_model_request again = { .path = made_path("written") };
    if (!status)
        status = cclip_models_open(&opened, &again);
    if (!status) {
        const size_t begin = cclip_trainables_find(&learner->parameters, "visual.bn1.weight")->begin;
        float bias[8], count[1];
        assert_ok(cclip_weights_read(opened->weights, "visual.bn1.weight", bias));
        assert_memory_equal(bias, learner->parameters.values + begin, 4 * sizeof(float));
        assert_ok(cclip_weights_read(opened->weights, "visual.bn1.num_batches_tracked", count));
        assert_true(count[0] == 5);
        assert_string_equal(cclip_weights_layout(opened->weights), "openai");
    }
    cclip_models_close(&opened);
    cclip_models_close(&written);
    cclip_new_folder_close(&folder);
    cclip_flat_folder_remove(made_path("written"));
    cclip_learner_close(&learner);
    made_close(&made);
    cclip_cpu_device_close(&device);
    return status;
}

static void writing(void **state)
{
    char path[256];
    (void)state;
    snprintf(path, sizeof path, "%s", made_file("new.json", resnet, strlen(resnet)));
    assert_ok(round_trip(path));
    cclip_fault_every(round_trip, path, 7);
}

static void refused(void **state)
{
    struct cclip_model *model;
    const struct cclip_model_request request = { .path = made_file("new.json", vit, strlen(vit)) };
    (void)state;
    assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_models_open(&model, &request));
    assert_non_null(strstr(cclip_error_message(), "new.json: a configuration without weights"));
}

/* Names that make a new model give the architecture of that name. */
static void by_name(void **state)
{
    static const char *const names[] = { "RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B-32", "ViT-B-32-256",
                                         "ViT-B-16", "ViT-B-16-plus-240", "ViT-L-14", "ViT-L-14-336", "ViT-H-14",
                                         "ViT-H-14-378", "ViT-g-14", "ViT-bigG-14" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct cclip_config config;
        cclip_json *root;
        assert_true(cclip_architecture_is_known(names[i]) && cclip_models_is_configuration(names[i]));
        assert_ok(cclip_architecture_configuration(&root, names[i]));
        assert_ok(cclip_config_read_open_clip(&config, root, names[i]));
        assert_ok(cclip_config_check(&config, names[i]));
        assert_string_equal(cclip_architecture_name(&config), names[i]);
        assert_int_equal(config.text.transformer.activation, CCLIP_ACTIVATION_GELU);
        cclip_json_close(&root);
    }
    struct cclip_config config;
    cclip_json *root;
    assert_ok(cclip_architecture_configuration(&root, "ViT-B-16-quickgelu"));
    assert_ok(cclip_config_read_open_clip(&config, root, "quick"));
    assert_int_equal(config.vision.transformer.activation, CCLIP_ACTIVATION_QUICK_GELU);
    cclip_json_close(&root);
    static const char *const unknown[] = { "ViT-B-16-SigLIP", "ViT-B", "ViT-B-32-", "-quickgelu", "", "ViT-B-32x" };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_false(cclip_architecture_is_known(unknown[i]) || cclip_models_is_configuration(unknown[i]));
        assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_architecture_configuration(&root, unknown[i]));
        assert_null(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transformer),      cmocka_unit_test(custom_blocks),
        cmocka_unit_test(residual_network), cmocka_unit_test(seeds),
        cmocka_unit_test(writing),          cmocka_unit_test(refused),
        cmocka_unit_test(by_name),
    };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
