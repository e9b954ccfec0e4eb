#include "models/new_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "models/architectures.h"
#include "models/initial_values.h"
#include "models/model_files.h"

int cclip_models_is_configuration(const char *path)
{
    if (!cclip_is_file(path))
        return !cclip_is_folder(path) && cclip_architecture_is_known(path);
    return cclip_path_has_suffix(path, ".json") &&
           !cclip_path_has_suffix(path, ".index.json");
}

/* A source that has whatever is asked for: to learn the names and shapes of all parameters. */
static cclip_status accept(void *context, const char *name, const size_t *shape, int rank)
{
    (void)context;
    (void)name;
    (void)shape;
    (void)rank;
    return CCLIP_OK;
}

static cclip_status name_parameters(struct cclip_trainables *set, const struct cclip_config *config)
{
    const struct cclip_parameter_source source = { .require = accept };
    struct cclip_parameters p = { .source = &source, .training = set };
    struct cclip_towers towers = { 0 };
    for (int tower = 0; tower < CCLIP_TOWERS && !p.status; tower++)
        cclip_towers_load(&towers, config, (enum cclip_tower)tower, &p);
    cclip_towers_close(&towers);
    if (!p.status)
        p.status = cclip_trainables_add(set, "logit_scale", NULL, 0, 0);
    if (!p.status && config->has_logit_bias)
        p.status = cclip_trainables_add(set, "logit_bias", NULL, 0, 0);
    return p.status;
}

/* The items as tensors, and the batch counters that open_clip's files have beside running statistics. */
struct listing {
    struct cclip_named_tensor *tensors;
    char (*counters)[256]; /* names */
    size_t count;
};

static void listing_close(struct listing *list)
{
    cclip_release(list->tensors);
    cclip_release(list->counters);
    *list = (struct listing){ 0 };
}

static void list_tensor(struct listing *list, const char *name, enum cclip_dtype dtype, int rank,
                        const size_t *shape, const void *data)
{
    struct cclip_named_tensor *out = &list->tensors[list->count++];
    out->name = name;
    out->tensor = (struct cclip_tensor){ .data = data, .dtype = dtype, .rank = rank };
    for (int i = 0; i < rank; i++)
        out->tensor.shape[i] = shape[i];
    cclip_tensor_set_contiguous(&out->tensor);
}

static cclip_status list_items(struct listing *list, const struct cclip_trainables *set,
                               const int64_t *batches)
{
    static const char mean[] = ".running_mean";
    *list = (struct listing){ 0 };
    list->tensors = cclip_allocate_zero(2 * set->count + 1, sizeof *list->tensors);
    list->counters = cclip_allocate_zero(set->count + 1, sizeof *list->counters);
    if (!list->tensors || !list->counters)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < set->count; i++) {
        const struct cclip_trainable *item = &set->items[i];
        const size_t length = strlen(item->name);
        list_tensor(list, item->name, CCLIP_F32, item->rank, item->shape, set->values + item->begin);
        if (length <= sizeof mean || strcmp(item->name + length - (sizeof mean - 1), mean))
            continue;
        snprintf(list->counters[i], sizeof list->counters[i], "%.*s.num_batches_tracked",
                 (int)(length - (sizeof mean - 1)), item->name);
        list_tensor(list, list->counters[i], CCLIP_I64, 0, NULL, batches);
    }
    return CCLIP_OK;
}

static cclip_status open_items(struct cclip_model **out, const struct cclip_model_request *request,
                               const struct cclip_config *config, const struct cclip_trainables *set,
                               const int64_t *batches)
{
    struct listing list;
    struct cclip_checkpoint *checkpoint = NULL;
    cclip_status status = list_items(&list, set, batches);
    if (!status)
        status = cclip_checkpoint_open_tensors(&checkpoint, request->path, list.tensors, list.count);
    if (!status)
        status = cclip_models_open_tensors(out, request, config, &checkpoint);
    listing_close(&list);
    return status;
}

/* What open_clip's model configurations may say about the beginning. */
static void read_numbers(struct cclip_initial_numbers *out, const cclip_json *root, int sigmoid)
{
    const cclip_json *inner = cclip_json_get(root, "model_cfg");
    const cclip_json *cfg = inner ? inner : root;
    static const char *const towers[] = { "vision_cfg", "text_cfg" };
    out->logit_scale =
        cclip_json_number(cclip_json_get(cfg, "init_logit_scale"), sigmoid ? log(10) : log(1 / 0.07));
    out->logit_bias = cclip_json_number(cclip_json_get(cfg, "init_logit_bias"), -10);
    for (int i = 0; i < 2; i++)
        out->layer_scale[i] = cclip_json_number(
            cclip_json_get(cclip_json_get(cfg, towers[i]), "ls_init_value"), 1e-5);
}

cclip_status cclip_models_new(struct cclip_model **out, float **values,
                              const struct cclip_model_request *request, uint64_t seed, int sigmoid)
{
    static const int64_t no_batches = 0;
    struct cclip_model_files files = { 0 };
    struct cclip_trainables set = { 0 };
    struct cclip_config config;
    struct cclip_initial_numbers numbers = { 0 };
    *out = NULL;
    *values = NULL;
    cclip_status status = cclip_model_files_find(&files, request->path);
    if (!status)
        status = cclip_config_read_open_clip(&config, files.config_root, request->path);
    if (!status) {
        read_numbers(&numbers, files.config_root, sigmoid);
        config.has_logit_bias |= sigmoid;
        status = name_parameters(&set, &config);
    }
    if (!status && !(set.values = cclip_allocate_aligned(set.elements * sizeof *set.values)))
        status = CCLIP_ERROR_MEMORY;
    if (!status) {
        cclip_initial_values(&set, &config, &numbers, seed);
        status = open_items(out, request, &config, &set, &no_batches);
    }
    if (!status)
        *values = set.values;
    else
        cclip_release_aligned(set.values);
    set.values = NULL; /* the caller's now, and of no device */
    cclip_trainables_close(&set, NULL);
    cclip_model_files_close(&files);
    return status;
}

cclip_status cclip_models_open_learner(struct cclip_model **out,
                                       const struct cclip_model_request *request,
                                       const struct cclip_learner *learner, const int64_t *batches)
{
    struct cclip_config config = learner->config;
    config.no_logit_scale = 0; /* a learner has one, whatever its file had */
    return open_items(out, request, &config, &learner->parameters, batches);
}
