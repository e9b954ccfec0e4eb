/* What a model is made of: sizes and options of both towers, whatever file they were read from. */
#ifndef CCLIP_MODELS_CONFIG_H
#define CCLIP_MODELS_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include "formats/json.h"
#include <cclip/image.h>
#include "nn/transformer.h"
#include "text/tokenizer.h"

enum cclip_vision_kind { CCLIP_VISION_TRANSFORMER, CCLIP_MODIFIED_RESNET };

enum cclip_vision_pool {
    CCLIP_POOL_CLASS_TOKEN,
    CCLIP_POOL_AVERAGE, /* mean of the patch tokens, class token left out */
    CCLIP_POOL_MAP      /* SigLIP: one learned query attends to all tokens, then an MLP */
};

struct cclip_vision_config {
    enum cclip_vision_kind kind;
    size_t image_height, image_width;

    /* Vision Transformer */
    size_t patch_size;
    struct cclip_transformer_config transformer;
    int class_token;
    int patch_bias;
    int norm_pre;        /* ln_pre */
    int norm_after_pool; /* ln_post after pooling instead of on all tokens */
    enum cclip_vision_pool pool;
    size_t pool_queries; /* CoCa's attentional pooler before ln_post: number of queries, 0 = none */
    size_t pool_heads;
    int projection; /* visual.proj */
    double patch_dropout; /* in training: the share of patches left out */

    /* Modified ResNet */
    size_t stage_blocks[4];
    size_t stem_width;
    size_t attention_heads;
};

enum cclip_text_pool {
    CCLIP_POOL_HIGHEST_ID, /* argmax of the ids: OpenAI's end token has the highest */
    CCLIP_POOL_END_TOKEN,  /* the first end token; position 0 if there is none */
    CCLIP_POOL_FIRST,
    CCLIP_POOL_LAST
};

struct cclip_text_config {
    size_t context_length, vocabulary_size;
    struct cclip_transformer_config transformer;
    enum cclip_text_pool pool;
    int32_t end_id; /* for CCLIP_POOL_END_TOKEN */
    int32_t pad_id; /* for padding where a model computes it, and CoCa's mask */
    int causal;
    int class_embedding; /* CoCa: an embedding appended behind the text, pooled from there */
    enum { CCLIP_PROJECTION_NONE, CCLIP_PROJECTION_MATRIX, CCLIP_PROJECTION_LINEAR_BIAS }
        projection; /* nothing, x @ W, or a Linear layer */
};

struct cclip_config {
    size_t embedding_dim;
    struct cclip_vision_config vision;
    struct cclip_text_config text;
    int has_logit_bias;  /* sigmoid loss */
    int no_logit_scale;  /* the file stores none: 100 is used */
    cclip_preprocessing preprocessing;
    enum cclip_text_style tokenizer_style;
    int custom_text; /* open_clip: the text tower is a module of its own, keys under "text." */
};

/* Everything that most models share: OpenAI's ViT with 77 tokens; readers change what differs. */
void cclip_config_default(struct cclip_config *config);

/* Refuses sizes that cannot be: zero, over a limit, heads that do not divide the width. */
cclip_status cclip_config_check(const struct cclip_config *config, const char *name);

/* Readers. `name` is the file, for messages; `preprocessor` and the file it is from may be NULL. */
cclip_status cclip_config_read_open_clip(struct cclip_config *out, const cclip_json *root,
                                         const char *name);
cclip_status cclip_config_read_hugging_face(struct cclip_config *out, const cclip_json *root,
                                            const cclip_json *preprocessor,
                                            const char *preprocessor_name, const char *name);
/* True when `root` is a config.json that this reader is for ("model_type" clip or siglip). */
int cclip_config_is_hugging_face(const cclip_json *root);

/* Writers; NULL with a message when the form cannot express the model. */
cclip_status cclip_config_write_open_clip(cclip_json **out, const struct cclip_config *config);
cclip_status cclip_config_write_hugging_face(cclip_json **out, cclip_json **preprocessor,
                                             const struct cclip_config *config, const char *dtype);

/* Whether open_clip keeps such a model's text tower under "text.". */
int cclip_config_is_custom_text(const struct cclip_config *config);

/* Typed reading with limits, shared by the readers: absent gives the fallback, a wrong type or a
 * value out of [minimum, maximum] an error that names file and key. Sticky through *status. */
size_t cclip_config_size(const cclip_json *object, const char *key, size_t fallback, size_t maximum,
                         const char *name, cclip_status *status);
double cclip_config_number(const cclip_json *object, const char *key, double fallback,
                           const char *name, cclip_status *status);
int cclip_config_flag(const cclip_json *object, const char *key, int fallback, const char *name,
                      cclip_status *status);
const char *cclip_config_text(const cclip_json *object, const char *key, const char *fallback,
                              const char *name, cclip_status *status);

#endif
