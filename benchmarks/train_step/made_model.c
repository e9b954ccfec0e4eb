#include "train_step/made_model.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

static const struct {
    const char *name, *config;
} made[] = {
    { "tiny",
      "{\"model_cfg\": {\"embed_dim\": 256, \"quick_gelu\": true,"
      " \"vision_cfg\": {\"image_size\": 64, \"layers\": 6, \"width\": 256, \"patch_size\": 8},"
      " \"text_cfg\": {\"context_length\": 32, \"vocab_size\": 8192, \"width\": 256, \"heads\": 4,"
      " \"layers\": 4}}}" },
    { "resnet",
      "{\"model_cfg\": {\"embed_dim\": 256, \"quick_gelu\": true,"
      " \"vision_cfg\": {\"image_size\": 64, \"layers\": [2, 2, 2, 2], \"width\": 32},"
      " \"text_cfg\": {\"context_length\": 24, \"vocab_size\": 6144, \"width\": 192, \"heads\": 3,"
      " \"layers\": 4}}}" },
    { "b32",
      "{\"model_cfg\": {\"embed_dim\": 512, \"quick_gelu\": true,"
      " \"vision_cfg\": {\"image_size\": 224, \"layers\": 12, \"width\": 768, \"patch_size\": 32},"
      " \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 512, \"heads\": 8,"
      " \"layers\": 12}}}" },
};

static cclip_status require(void *context, const char *name, const size_t *shape, int rank)
{
    (void)context, (void)name, (void)shape, (void)rank;
    return CCLIP_OK;
}

static int ends(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && !strcmp(name + length - tail, end);
}

/* Norms begin as PyTorch's do; all else is even noise as wide as its fan-in asks. */
static cclip_status read_values(void *context, const char *name, const size_t *shape, int rank,
                                float *scratch, const float **out)
{
    struct cclip_random random;
    size_t count = 1, fan_in = 1;
    (void)context;
    for (int i = 0; i < rank; i++) {
        count *= shape[i];
        fan_in *= i ? shape[i] : 1;
    }
    const int one = ends(name, "running_var") || (rank == 1 && ends(name, "weight"));
    const double reach = one || (rank == 1 && !ends(name, "embedding")) ? 0 : 1 / sqrt((double)fan_in);
    cclip_random_seed(&random, 1, strlen(name));
    for (size_t i = 0; i < count; i++)
        scratch[i] = (float)(one + reach * (2 * cclip_random_uniform(&random) - 1));
    *out = scratch;
    return CCLIP_OK;
}

static void forget(void *context, const char *name)
{
    (void)context, (void)name;
}

cclip_status cclip_made_model(struct cclip_model *out, const char *name)
{
    *out = (struct cclip_model){ .parameters = { require, read_values, forget, NULL } };
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        if (strcmp(made[i].name, name))
            continue;
        cclip_json *root;
        cclip_status status = cclip_json_parse(&root, made[i].config, strlen(made[i].config), name);
        if (!status)
            status = cclip_config_read_open_clip(&out->config, root, name);
        cclip_json_close(&root);
        return status;
    }
    return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: not one of tiny, resnet, b32", name);
}
