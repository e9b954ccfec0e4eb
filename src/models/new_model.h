/* Models whose weights come from no file: new ones, with random values, and those that learn.
 *
 * New weights are drawn as CLIP's initialize_parameters does it (Radford et al. 2021, openai/CLIP), the
 * rest as PyTorch's layers do: docs/training.md has the table. */
#ifndef CCLIP_MODELS_NEW_MODEL_H
#define CCLIP_MODELS_NEW_MODEL_H

#include <stdint.h>
#include "models/learner.h"

/* Whether `path` is a configuration alone (NAME.json), or no path but an architecture's name (ViT-B-32): of these a
 * new model can be made. */
int cclip_models_is_configuration(const char *path);

/* Makes a model of the configuration that `request` names. Each tensor is drawn from the seed and its place
 * among the parameters, so that values do not depend on threads. `sigmoid`: for SigLIP's loss, with a
 * logit bias of -10 and a logit scale of ln 10 unless the configuration says otherwise. `*values` is the
 * memory of all tensors, to be released (cclip_release_aligned) after the model. */
cclip_status cclip_models_new(struct cclip_model **out, float **values,
                              const struct cclip_model_request *request, uint64_t seed, int sigmoid);

/* What `learner` holds as a model, for writing and evaluating: without a copy, so it must be closed before
 * the learner. `request` says where configuration and vocabulary came from; `batches` is what batch
 * norms report as the number of batches they saw. */
cclip_status cclip_models_open_learner(struct cclip_model **out,
                                       const struct cclip_model_request *request,
                                       const struct cclip_learner *learner, const int64_t *batches);

#endif
