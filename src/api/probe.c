/* The functions of probe.h that train and use a probe. */
#include <cclip/probe.h>
#include <cclip/runtime.h>

#include <math.h>
#include <string.h>

#include "api/classifier.h"
#include "api/feature_set.h"
#include "api/session.h"
#include "base/cpu_features.h"
#include "base/memory.h"
#include "cpu/cpu_device.h"
#include "train/probe_file.h"
#include "train/probe_sweep.h"

/* One training on its way. `all` is what the last fit learns from; `train` and `validation` what C is
 * chosen with. Those that were made for it are kept in `made`. */
struct training {
    const cclip_probe_options *options;
    struct cclip_device *device;
    const struct cclip_feature_set *all, *train, *validation;
    struct cclip_feature_set *made[2];
    struct cclip_probe *probe;
};

void cclip_probe_options_init(cclip_probe_options *options)
{
    *options = (cclip_probe_options)CCLIP_PROBE_OPTIONS_INIT;
}

static cclip_status check_options(const cclip_probe_options *o)
{
    if (o->version != CCLIP_PROBE_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "probe options: version %u is not known",
                          (unsigned)o->version);
    if (!(o->c >= 0) || !isfinite(o->c))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "probe: C of %g: a number above 0 expected", o->c);
    if (!(o->validation_share > 0 && o->validation_share < 1))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "probe: a validation share of %g is not between 0 and 1",
                          o->validation_share);
    if (!o->max_iterations)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "probe: 0 iterations");
    return CCLIP_OK;
}

static struct cclip_probe_data data_of(const struct cclip_feature_set *set)
{
    return (struct cclip_probe_data){ set->features, set->labels, set->count, set->dim,
                                      set->classes.count };
}

/* Callbacks of the fits, to the caller's one. */

static cclip_status cancelled(const struct training *t, const cclip_probe_trial_info *info)
{
    if (!t->options->progress || !t->options->progress(t->options->user, info))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "probe: stopped");
}

static cclip_status on_iteration(void *user, size_t iteration)
{
    (void)iteration;
    return cancelled(user, NULL);
}

static cclip_status on_trial(void *user, size_t trial, const struct cclip_probe_trial *result)
{
    const cclip_probe_trial_info info = { .version = CCLIP_PROBE_TRIAL_INFO_VERSION,
                                          .c = result->c,
                                          .accuracy = result->quality.accuracy,
                                          .cross_entropy = result->quality.cross_entropy,
                                          .iterations = result->fitted.iterations,
                                          .converged = result->fitted.converged };
    (void)trial;
    return cancelled(user, &info);
}

/* Validation samples given by the caller. */

/* Both sets in one, with the classes of the first. */
static cclip_status join(struct cclip_feature_set **out, const struct cclip_feature_set *a,
                         const struct cclip_feature_set *b)
{
    struct cclip_feature_set *set = cclip_allocate_zero(1, sizeof *set);
    *out = set;
    if (!set)
        return CCLIP_ERROR_MEMORY;
    set->dim = a->dim;
    set->origin = a->origin;
    cclip_status status = cclip_feature_set_reserve(set, a->count + b->count);
    if (!status)
        status = cclip_names_copy(&set->classes, &a->classes);
    if (status)
        return status;
    if (a->count) { /* else there are no arrays */
        memcpy(set->features, a->features, a->count * a->dim * sizeof *a->features);
        memcpy(set->labels, a->labels, a->count * sizeof *a->labels);
    }
    memcpy(set->features + a->count * a->dim, b->features, b->count * b->dim * sizeof *b->features);
    memcpy(set->labels + a->count, b->labels, b->count * sizeof *b->labels);
    set->count = a->count + b->count;
    return CCLIP_OK;
}

/* `set` with the classes of `reference`, found by name. */
static cclip_status renumber(struct cclip_feature_set **out, const struct cclip_feature_set *set,
                             const struct cclip_feature_set *reference)
{
    static const struct cclip_feature_set nothing;
    struct cclip_feature_set empty = nothing;
    int32_t *places = cclip_names_find_all(&reference->classes, &set->classes);
    empty.dim = set->dim;
    empty.origin = set->origin;
    empty.classes = reference->classes;
    cclip_status status = places ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < set->count && !status; i++)
        if (places[set->labels[i]] < 0)
            status = cclip_fail(CCLIP_ERROR_MISMATCH,
                                "validation: class \"%s\" is none of the training classes",
                                set->classes.names[set->labels[i]]);
    if (!status)
        status = join(out, &empty, set);
    for (size_t i = 0; !status && i < set->count; i++)
        (*out)->labels[i] = places[set->labels[i]];
    cclip_release(places);
    return status;
}

static cclip_status check_same(const struct cclip_feature_set *train,
                               const struct cclip_feature_set *validation)
{
    if (train->dim != validation->dim || train->origin.normalized != validation->origin.normalized)
        return cclip_fail(CCLIP_ERROR_MISMATCH,
                          "validation: features of %zu values (%s), but the training features have %zu (%s)",
                          validation->dim, cclip_feature_kind_name(validation->origin.normalized),
                          train->dim, cclip_feature_kind_name(train->origin.normalized));
    return cclip_feature_origin_compare(&validation->origin, "the validation set", &train->origin,
                                        "the training set");
}

static cclip_status choose_sets(struct training *t, const struct cclip_feature_set *train,
                                const struct cclip_feature_set *validation)
{
    t->all = t->train = train;
    if (!validation && t->options->c > 0)
        return CCLIP_OK;
    if (!validation) {
        const cclip_status status =
            cclip_feature_set_split(&t->made[0], &t->made[1], train, t->options->validation_share,
                                    t->options->seed);
        t->train = t->made[0];
        t->validation = t->made[1];
        return status ? cclip_fail_in(status, "no samples to choose C with") : CCLIP_OK;
    }
    cclip_status status = check_same(train, validation);
    if (!status)
        status = renumber(&t->made[0], validation, train);
    if (!status)
        status = join(&t->made[1], train, t->made[0]);
    t->validation = t->made[0];
    t->all = t->made[1];
    return status;
}

/* C and, where it was not given, a start for the last fit. */
static cclip_status choose_c(struct training *t)
{
    const cclip_probe_options *o = t->options;
    const struct cclip_probe_sweep sweep = { .iterations = o->max_iterations,
                                             .tolerance = CCLIP_PROBE_ROUGH,
                                             .iterated = on_iteration,
                                             .tried = on_trial,
                                             .user = t };
    struct cclip_probe_trial best = { .c = o->c };
    t->probe->c = o->c;
    if (o->c > 0)
        return CCLIP_OK;
    const struct cclip_probe_data train = data_of(t->train), validation = data_of(t->validation);
    const cclip_status status = cclip_probe_choose_c(&best, &t->probe->linear, t->device, &train,
                                                     &validation, &sweep);
    t->probe->c = best.c;
    t->probe->validation_samples = validation.count;
    t->probe->validation_accuracy = best.quality.accuracy;
    return status;
}

static cclip_status last_fit(struct training *t)
{
    const struct cclip_probe_data all = data_of(t->all);
    struct cclip_probe *probe = t->probe;
    const struct cclip_probe_fit fit = { .c = probe->c,
                                         .iterations = t->options->max_iterations,
                                         .tolerance = CCLIP_PROBE_TOLERANCE,
                                         .report = on_iteration,
                                         .user = t };
    struct cclip_probe_trainer *trainer;
    struct cclip_probe_fitted fitted;
    struct cclip_probe_quality quality;
    cclip_status status = cclip_probe_trainer_open(&trainer, t->device, &all);
    if (!status)
        status = cclip_probe_trainer_fit(trainer, &probe->linear, &fit, &fitted);
    cclip_probe_trainer_close(&trainer);
    if (!status)
        status = cclip_linear_probe_judge(&quality, &probe->linear, t->device, &all);
    if (status)
        return status;
    probe->objective = fitted.objective;
    probe->iterations = fitted.iterations;
    probe->converged = fitted.converged;
    probe->samples = all.count;
    probe->train_accuracy = quality.accuracy;
    const cclip_probe_trial_info info = { .version = CCLIP_PROBE_TRIAL_INFO_VERSION,
                                          .is_final = 1,
                                          .c = probe->c,
                                          .accuracy = (double)NAN,
                                          .cross_entropy = (double)NAN,
                                          .iterations = fitted.iterations,
                                          .converged = fitted.converged };
    return cancelled(t, &info);
}

static cclip_status train_on(struct training *t, const struct cclip_feature_set *train,
                             const struct cclip_feature_set *validation)
{
    cclip_status status = choose_sets(t, train, validation);
    if (!status)
        status = cclip_saved_probe_open(&t->probe, &train->classes, train->dim);
    if (!status) {
        t->probe->origin = train->origin;
        status = choose_c(t);
    }
    if (!status)
        status = last_fit(t);
    for (size_t i = 0; i < sizeof t->made / sizeof *t->made; i++)
        cclip_feature_set_close(&t->made[i]);
    if (status)
        cclip_saved_probe_close(&t->probe);
    return status;
}

/* A device of the call's own. */
static cclip_status train_alone(struct training *t, const struct cclip_feature_set *train,
                                const struct cclip_feature_set *validation)
{
    struct cclip_thread_pool *pool = NULL;
    struct cclip_device device = { 0 };
    cclip_status status = cclip_thread_pool_open(&pool, cclip_cpu_count());
    if (!status)
        status = cclip_cpu_device_open(&device, pool, cclip_cpu_features());
    t->device = &device;
    if (!status)
        status = train_on(t, train, validation);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
    return status;
}

cclip_status cclip_probe_train(cclip_probe **out, cclip_session *session,
                               const cclip_feature_set *train, const cclip_feature_set *validation,
                               const cclip_probe_options *options)
{
    static const cclip_probe_options defaults = CCLIP_PROBE_OPTIONS_INIT;
    struct training t = { .options = options ? options : &defaults };
    *out = NULL;
    cclip_status status = check_options(t.options);
    if (status)
        return status;
    if (session) {
        t.device = &session->device;
        status = train_on(&t, train, validation);
    } else {
        status = train_alone(&t, train, validation);
    }
    *out = t.probe;
    return status;
}

cclip_status cclip_probe_read(cclip_probe **out, const char *path)
{
    return cclip_saved_probe_read(out, path);
}

cclip_status cclip_probe_write(const cclip_probe *probe, const char *path)
{
    return cclip_saved_probe_write(probe, path);
}

void cclip_probe_close(cclip_probe **probe)
{
    cclip_saved_probe_close(probe);
}

cclip_status cclip_probe_get_info(const cclip_probe *probe, cclip_probe_info *info)
{
    if (info->version != CCLIP_PROBE_INFO_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "probe info: version %u is not known",
                          (unsigned)info->version);
    *info = (cclip_probe_info){ .version = CCLIP_PROBE_INFO_VERSION,
                                .classes = probe->linear.classes,
                                .dim = probe->linear.dim,
                                .normalized = probe->origin.normalized,
                                .model = probe->origin.model,
                                .c = probe->c,
                                .objective = probe->objective,
                                .iterations = probe->iterations,
                                .converged = probe->converged,
                                .samples = probe->samples,
                                .train_accuracy = probe->train_accuracy,
                                .validation_samples = probe->validation_samples,
                                .validation_accuracy = probe->validation_accuracy };
    return CCLIP_OK;
}

const char *cclip_probe_class(const cclip_probe *probe, size_t index)
{
    return index < probe->classes.count ? probe->classes.names[index] : NULL;
}

const float *cclip_probe_weights(const cclip_probe *probe)
{
    return probe->linear.weight;
}

const float *cclip_probe_biases(const cclip_probe *probe)
{
    return probe->linear.bias;
}
