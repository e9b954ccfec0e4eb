/* A loaded model: configuration, tokenizer, and two towers that are prepared at their first use. */
#ifndef CCLIP_MODELS_MODEL_H
#define CCLIP_MODELS_MODEL_H

#include <pthread.h>
#include "models/config.h"
#include "models/modified_resnet.h"
#include "models/text_transformer.h"
#include "models/vision_transformer.h"
#include "models/weights_source.h"
#include "text/tokenizer.h"

/* Which tower of a model is meant. */
enum cclip_tower { CCLIP_IMAGE_TOWER, CCLIP_TEXT_TOWER, CCLIP_TOWERS };

/* The layers of a model; one of `vision` and `resnet` is used. */
struct cclip_towers {
    struct cclip_vision_transformer vision;
    struct cclip_modified_resnet resnet;
    struct cclip_text_transformer text;
};
void cclip_towers_load(struct cclip_towers *towers, const struct cclip_config *config,
                       enum cclip_tower tower, struct cclip_parameters *p);
void cclip_towers_close(struct cclip_towers *towers);

struct cclip_model {
    char *path;       /* what was opened */
    char *vocabulary; /* file or folder of the vocabulary, or NULL */
    struct cclip_config config;
    struct cclip_weights *weights;
    struct cclip_weights_source source;
    struct cclip_parameter_source parameters; /* the source's functions */
    size_t parameter_count[CCLIP_TOWERS], total_parameters;
    float logit_scale, logit_bias; /* logit_scale already exponentiated */
    struct cclip_tokenizer *tokenizer;        /* or NULL: then `tokenizer_problem` says why */
    char tokenizer_problem[512];

    /* Words about it, for people. */
    char architecture[64], tower_text[CCLIP_TOWERS][192], tokenizer_text[512], licence[64];

    /* Prepared at first use, under the mutex; immutable afterwards. */
    pthread_mutex_t mutex;
    int prepared[CCLIP_TOWERS];
    struct cclip_parameter_store store[CCLIP_TOWERS];
    struct cclip_device store_device; /* what the stores were made with: for releasing */
    struct cclip_towers towers;
};

/* Fails unless every id is in the vocabulary; text i is ids [offsets[i], offsets[i + 1]). */
cclip_status cclip_models_check_ids(const struct cclip_config *config, const int32_t *ids,
                                    const size_t *offsets, size_t count);

struct cclip_model_request {
    const char *path;       /* file or folder */
    const char *vocabulary; /* or NULL */
    enum cclip_text_style style;
    int no_ftfy;
};

/* Opens the checkpoint, reads its configuration, checks every tensor's name and shape. */
cclip_status cclip_models_open(struct cclip_model **out, const struct cclip_model_request *request);
void cclip_models_close(struct cclip_model **model);

/* A model whose tensors are in no file. The checkpoint is taken over, also on failure; `path` of the
 * request is where configuration and vocabulary come from. */
cclip_status cclip_models_open_tensors(struct cclip_model **out,
                                       const struct cclip_model_request *request,
                                       const struct cclip_config *config,
                                       struct cclip_checkpoint **checkpoint);

/* Makes a tower ready on `device` (idempotent, thread-safe). */
cclip_status cclip_models_prepare(struct cclip_model *model, enum cclip_tower tower,
                                  struct cclip_device *device);

/* One pass; the tower must be prepared. out [count, embedding_dim], normalised if asked. */
cclip_status cclip_models_embed_pixels(struct cclip_model *model, struct cclip_forward *forward,
                                       float *out, const float *pixels, size_t count,
                                       int normalize);
/* `tokens` [count, context], host memory. Ids are checked against the vocabulary's size. */
cclip_status cclip_models_embed_tokens(struct cclip_model *model, struct cclip_forward *forward,
                                       float *out, const int32_t *tokens, size_t count,
                                       size_t context, int normalize);
/* The same for texts of different length: text i is ids [offsets[i], offsets[i + 1]). */
cclip_status cclip_models_embed_ragged(struct cclip_model *model, struct cclip_forward *forward,
                                       float *out, const int32_t *ids, const size_t *offsets,
                                       size_t count, int normalize);

#endif
