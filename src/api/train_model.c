/* The model of a run: opened or made new, what of it learns, its optimiser. */
#include <cclip/hub.h>
#include <cclip/runtime.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/train_ranks.h"
#include "base/cpu_features.h"
#include "base/file.h"
#include "base/memory.h"
#include "cpu/cpu_device.h"
#include "hub/names.h"
#include "models/architectures.h"
#include "train/lock.h"
#include "train/rates.h"

/* Weights a pair of the data from which on learning them all is said to be too much. */
static const double MANY_WEIGHTS_A_PAIR = 1000;

static cclip_status open_device(struct cclip_training *t)
{
    cclip_status status = cclip_thread_pool_open(&t->pool, cclip_training_threads(t));
    if (!status)
        status = cclip_cpu_device_open(&t->device, t->pool, cclip_cpu_features());
    t->device_open = !status;
    return status;
}

/* "0.5" for all channels, or a number for each. */
static cclip_status read_triple(float out[3], const char *option, const char *text, double least)
{
    double values[3] = { 0, 0, 0 };
    char *end = NULL;
    const char *at = text;
    int count = 0;
    while (count < 3) {
        values[count++] = strtod(at, &end);
        if (end == at || *end != ',')
            break;
        at = end + 1;
    }
    for (int c = count; c < 3; c++)
        values[c] = values[0];
    for (int c = 0; c < 3; c++) {
        if (end == at || *end || count == 2 || !(values[c] >= least && values[c] <= 100))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: \"%s\": one number or three, parted by commas, are "
                                                    "expected, from %g to 100", option, text, least);
        out[c] = (float)values[c];
    }
    return CCLIP_OK;
}

/* The architecture's name in its usual spelling ("ViT-B-32" for "ViT-B/32"); "" where `model` is a path, says more
 * than that, or names none that is known. */
static void find_architecture(char out[128], const char *model)
{
    struct cclip_hub_name name;
    out[0] = '\0';
    if (!model || cclip_is_file(model) || cclip_is_folder(model) || cclip_hub_parse(&name, model))
        return;
    if (!name.is_repository && !name.tag[0] && cclip_architecture_is_known(name.architecture))
        snprintf(out, 128, "%s", name.architecture);
}

/* Where the weights lie that open_clip's pair of options names; without a second one the first may be an
 * architecture, which has none. */
static cclip_status find_weights(char *path, size_t size, const char *model, const char *pretrained)
{
    char architecture[128], name[512];
    find_architecture(architecture, model);
    if (!pretrained && architecture[0]) {
        snprintf(path, size, "%s", architecture);
        return CCLIP_OK;
    }
    if (!pretrained)
        return cclip_hub_find(path, size, model);
    if (model && (cclip_is_file(model) || cclip_is_folder(model)))
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "%s: a path, which takes no pretrained weights (%s) beside it: with them the model is an "
                          "architecture's name", model, pretrained);
    if (cclip_is_file(pretrained) || cclip_is_folder(pretrained))
        return cclip_hub_find(path, size, pretrained);
    if (!model)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no such file or folder; a tag needs the model's name",
                          pretrained);
    snprintf(name, sizeof name, "%s,%s", model, pretrained);
    return cclip_hub_find(path, size, name);
}

/* Weights of another architecture than was named are a mistake. */
static cclip_status check_architecture(const struct cclip_model *model, const char *path,
                                       const char *wanted)
{
    char architecture[128];
    find_architecture(architecture, wanted);
    const size_t length = strlen(model->architecture);
    if (!architecture[0] || (!strncmp(architecture, model->architecture, length) &&
                             (!architecture[length] || !strcmp(architecture + length, "-quickgelu"))))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: its architecture is %s, not %s", path, model->architecture,
                      architecture);
}

static cclip_status open_instructor(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    char path[CCLIP_LIMIT_PATH];
    const struct cclip_model_request request = { .path = path, .no_ftfy = o->no_ftfy };
    if (!o->distill_model && !o->distill_pretrained)
        return CCLIP_OK;
    cclip_status status = find_weights(path, sizeof path, o->distill_model, o->distill_pretrained);
    if (!status)
        status = cclip_instructor_open(&t->instructor, &request, &t->device);
    if (!status)
        status = check_architecture(t->instructor->model, path, o->distill_model);
    return status ? cclip_fail_in(status, "the model to learn from") : CCLIP_OK;
}

static cclip_status open_source(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    cclip_status status = find_weights(t->path, sizeof t->path, o->model, o->pretrained);
    if (status)
        return status;
    t->request = (struct cclip_model_request){ .path = t->path,
                                               .vocabulary = o->vocabulary,
                                               .style = (enum cclip_text_style)o->style,
                                               .no_ftfy = o->no_ftfy };
    const int is_new = cclip_models_is_configuration(t->path);
    if (is_new && o->wise_ft < 1)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "%s: a new model has no original weights to interpolate with (wise_ft)", t->path);
    if (is_new && (o->lock_image || o->lock_text) && !cclip_is_file(t->path))
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "%s: an architecture's name, whose weights are random, but a tower is locked: give its "
                          "weights (pretrained), or let both towers learn", t->path);
    status = is_new ? cclip_models_new(&t->model, &t->values, &t->request, (uint64_t)o->seed, o->siglip)
                    : cclip_models_open(&t->model, &t->request);
    if (!status && o->pretrained)
        status = check_architecture(t->model, t->path, o->model);
    if (!status && !t->model->tokenizer)
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s", t->model->tokenizer_problem);
    if (!status && o->background)
        status = cclip_preprocessing_set_background(&t->model->config.preprocessing, o->background);
    if (!status && o->image_mean)
        status = read_triple(t->model->config.preprocessing.mean, "image_mean", o->image_mean, -100);
    if (!status && o->image_std)
        status = read_triple(t->model->config.preprocessing.std, "image_std", o->image_std, 1e-6);
    return status;
}

/* What batch norms say of themselves, so that the count goes on. */
static cclip_status read_batch_count(struct cclip_training *t)
{
    static const char name[] = "visual.bn1.num_batches_tracked";
    float count = 0;
    if (!cclip_weights_has(t->model->weights, name))
        return CCLIP_OK;
    const cclip_status status = cclip_weights_read(t->model->weights, name, &count);
    t->batches_before = (int64_t)count;
    return status;
}

/* What a step does to save memory and time. */
static cclip_status set_passes(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    const struct cclip_vision_config *vision = &t->learner->config.vision;
    t->learner->recompute = o->grad_checkpointing;
    t->learner->compute = o->precision == CCLIP_PRECISION_BF16 ? CCLIP_BF16 : CCLIP_F32;
    t->learner->patch_dropout.rate =
        o->force_patch_dropout >= 0 ? o->force_patch_dropout : vision->patch_dropout;
    if (o->force_patch_dropout > 0 && vision->kind == CCLIP_MODIFIED_RESNET)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "force_patch_dropout: the image tower is a ResNet, which has no "
                                                   "patches");
    return CCLIP_OK;
}

static cclip_status open_learner(struct cclip_training *t)
{
    static const float NEW_BIAS = -10;
    const int adds_bias = t->options->siglip && !t->model->config.has_logit_bias;
    t->model->config.has_logit_bias |= adds_bias;
    cclip_status status = cclip_learner_open(&t->learner, t->model, &t->device);
    if (!status && adds_bias)
        status = t->device.ops->upload(&t->device, t->learner->logit_bias, &NEW_BIAS, sizeof NEW_BIAS);
    if (!status)
        status = read_batch_count(t);
    if (!status)
        status = set_passes(t);
    if (!status && t->values) { /* the learner has a copy */
        cclip_weights_close(&t->model->weights);
        cclip_release_aligned(t->values);
        t->values = NULL;
    }
    return status;
}

static cclip_status lock(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    cclip_status status = CCLIP_OK;
    if (o->lock_image)
        status = cclip_lock_tower(t->learner, CCLIP_IMAGE_TOWER, (size_t)o->lock_image_unlocked_groups);
    if (!status && o->lock_text)
        status = cclip_lock_tower(t->learner, CCLIP_TEXT_TOWER, (size_t)o->lock_text_unlocked_layers);
    t->learner->freeze_statistics = o->lock_image && o->lock_image_freeze_bn_stats;
    return status;
}

/* Defaults that depend on the image tower are the CLIP paper's, table 19. */
static cclip_status open_optimizer(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    struct cclip_trainables *set = &t->learner->parameters;
    const int resnet = t->learner->config.vision.kind == CCLIP_MODIFIED_RESNET;
    const struct cclip_rate_factors factors = { { o->image_lr_mult, o->text_lr_mult },
                                                { o->image_layer_decay, o->text_layer_decay } };
    cclip_decay_rule_apply(set, o->decay_rule == CCLIP_RULE_OPENAI ? CCLIP_DECAY_OPENAI
                                                                   : CCLIP_DECAY_OPEN_CLIP);
    cclip_rates_apply(t->learner, &factors);
    const cclip_status status = cclip_adamw_open(&t->adamw, set);
    t->adamw.beta1 = o->beta1 > 0 ? o->beta1 : 0.9;
    t->adamw.beta2 = o->beta2 > 0 ? o->beta2 : resnet ? 0.999 : 0.98;
    t->adamw.epsilon = o->eps > 0 ? o->eps : resnet ? 1e-8 : 1e-6;
    t->adamw.weight_decay = o->wd;
    t->adamw.clip_norm = o->grad_clip_norm;
    return status;
}

static cclip_status open_average(struct cclip_training *t)
{
    const cclip_status status = cclip_ema_open(&t->ema, &t->learner->parameters);
    t->ema.decay = t->options->ema;
    t->ema.warm_up = 1;
    return status;
}

static void note_what_is_in_force(struct cclip_training *t)
{
    t->in_force = *t->options;
    t->in_force.beta1 = t->adamw.beta1;
    t->in_force.beta2 = t->adamw.beta2;
    t->in_force.eps = t->adamw.epsilon;
    t->in_force.force_patch_dropout = t->learner->patch_dropout.rate;
}

cclip_status cclip_training_open_model(struct cclip_training *t)
{
    cclip_status status = open_device(t);
    if (!status)
        status = open_source(t);
    if (!status)
        status = open_learner(t);
    if (!status)
        status = open_instructor(t);
    if (!status)
        status = lock(t);
    if (!status)
        status = open_optimizer(t);
    if (!status && t->options->ema > 0)
        status = open_average(t);
    if (!status)
        note_what_is_in_force(t);
    return status;
}

void cclip_training_describe(struct cclip_training *t)
{
    const struct cclip_trainables *set = &t->learner->parameters;
    const struct cclip_pair_counts *counts = cclip_pair_batches_counts(t->batches);
    size_t learn = 0, all = 0;
    for (size_t i = 0; i < set->count; i++) {
        all += set->items[i].buffer ? 0 : set->items[i].count;
        learn += set->items[i].buffer || set->items[i].frozen ? 0 : set->items[i].count;
    }
    t->result->trained = learn;
    t->result->pairs = counts->pairs;
    const int is_new = cclip_models_is_configuration(t->path);
    const double ratio = (double)learn / (double)counts->pairs;
    if (is_new)
        cclip_train_log(&t->files, "INFO", "%s: a new model with random weights", t->path);
    if (t->instructor)
        cclip_train_log(&t->files, "INFO", "learns from %s (%s, embeddings of %zu)", t->instructor->model->path,
                        t->instructor->model->architecture, t->instructor->made.dim);
    cclip_train_log(&t->files, "INFO",
                    "%zu pairs; an epoch: %zu steps of %llu; %zu of %zu weights learn", counts->pairs,
                    counts->steps, (unsigned long long)cclip_training_pairs_a_step(t), learn, all);
    if (t->options->dist_backend == CCLIP_DIST_MPI && !t->ranks)
        cclip_train_log(&t->files, "WARNING", "dist_backend mpi, but MPI started this process alone: the run is not "
                                              "distributed (mpirun -n N starts N processes)");
    if (t->ranks)
        cclip_train_log(&t->files, "INFO", "%d ranks with %lld pairs a step each; gradients go in %zu pieces",
                        t->result->ranks, (long long)(t->options->batch_size * t->options->accum_freq),
                        t->sum.count);
    if (ratio > MANY_WEIGHTS_A_PAIR)
        cclip_train_log(&t->files, "WARNING",
                        "%zu weights learn from %zu pairs, %.0f weights a pair: the model may remember the "
                        "pairs instead of learning from them%s", learn, counts->pairs, ratio,
                        is_new ? "; more pairs or a smaller model help"
                               : ", and forget what else it knew; lock more of it (lock_image, lock_text), "
                                 "lower the learning rate, or mix it with the original (wise_ft)");
}
