/** @file
 * Models and what they compute: an image tower and a text tower into one space. */
#ifndef CCLIP_MODEL_H
#define CCLIP_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/image.h>
#include <cclip/status.h>
#include <cclip/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A loaded checkpoint. Immutable after open; shared by threads. Must outlive its sessions. */
typedef struct cclip_model cclip_model;

/** One thread's way to use a model: its worker threads and scratch memory. */
typedef struct cclip_session cclip_session;

/** How a checkpoint is opened. */
typedef struct cclip_model_options {
    uint32_t version;       /**< CCLIP_MODEL_OPTIONS_VERSION */
    const char *vocabulary; /**< path as in cclip_tokenizer_open; NULL: beside the checkpoint, else the cache */
    cclip_tokenizer_style style; /**< default by checkpoint */
    int no_ftfy; /**< as in cclip_tokenizer_options */
} cclip_model_options;

/** Goes into `version` of cclip_model_options. */
#define CCLIP_MODEL_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_MODEL_OPTIONS_INIT { CCLIP_MODEL_OPTIONS_VERSION, NULL, CCLIP_TOKENIZER_AUTO, 0 }
/** Sets the values of CCLIP_MODEL_OPTIONS_INIT. */
CCLIP_API void cclip_model_options_init(cclip_model_options *options);

/**
 * Opens a checkpoint: a file, a folder, or a name in any usual spelling that is in the cache
 * ("ViT-B/32", "ViT-B-32::openai", "ViT-B-32,laion2b_s34b_b79k", "hf-hub:org/name"). NULL: the
 * environment variable CCLIP_MODEL, else the model that ships with cclip. Weights are checked by
 * name and shape now and read when a tower is first used. `options` may be NULL.
 */
CCLIP_API cclip_status cclip_model_open(cclip_model **out, const char *name,
                                        const cclip_model_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. Close its sessions first. */
CCLIP_API void cclip_model_close(cclip_model **model);

/** Facts about a model. Texts are owned by the model and never NULL. */
typedef struct cclip_model_info {
    uint32_t version; /**< set by the caller to CCLIP_MODEL_INFO_VERSION */
    const char *path;         /**< what was opened */
    const char *format;       /**< "safetensors", "PyTorch zip", "TorchScript", "GGUF" ... */
    const char *layout;       /**< whose names the tensors have: "openai", "hf_clip" ... */
    const char *dtype;        /**< of the largest share of the weights: "f32", "f16", "q8_0" ... */
    const char *architecture; /**< known name such as "ViT-B-32", else "custom" */
    const char *image_tower;  /**< "ViT" or "ModifiedResNet" with its sizes */
    const char *text_tower;   /**< "Transformer" with its sizes */
    const char *tokenizer;    /**< style and vocabulary file, or why there is none */
    const char *licence;      /**< as the checkpoint's files say, or "unknown" */
    size_t embedding_dim;     /**< values in an embedding */
    size_t context_length;    /**< tokens in a text at most, start and end included */
    size_t vocabulary_size;   /**< token ids are below it */
    size_t image_parameters;  /**< of the image tower */
    size_t text_parameters;   /**< of the text tower */
    size_t parameters;        /**< of the model: logit scale and bias too */
    size_t image_tokens;      /**< of one picture inside the image tower (ViT), before pooling */
    size_t image_width;       /**< values in such a token */
    size_t image_layers;      /**< blocks of the image tower */
    size_t text_layers;       /**< blocks of the text tower */
    float logit_scale;       /**< exp of the stored value */
    int logit_scale_assumed; /**< 1: the file stores none, 100 is used */
    float logit_bias;        /**< 0 where the model has none */
    int is_sigmoid;          /**< 1: trained with the sigmoid loss: each label's probability is its own */
    cclip_preprocessing preprocessing; /**< what its pictures go through */
} cclip_model_info;
/** Goes into `version` of cclip_model_info. */
#define CCLIP_MODEL_INFO_VERSION 1
/** Fills `info`, whose `version` the caller has set. */
CCLIP_API cclip_status cclip_model_get_info(const cclip_model *model, cclip_model_info *info);

/** The model's tokenizer, owned by it; an error that names what is missing when it has none. */
CCLIP_API cclip_status cclip_model_get_tokenizer(const cclip_model *model,
                                                 const cclip_tokenizer **out);

/** Of weights and arithmetic. */
typedef enum cclip_precision {
    CCLIP_PRECISION_F32 = 0,
    CCLIP_PRECISION_BF16 = 1,
    CCLIP_PRECISION_F16 = 2,
    CCLIP_PRECISION_INT8 = 3
} cclip_precision;

/** How a model is used. */
typedef struct cclip_session_options {
    uint32_t version; /**< CCLIP_SESSION_OPTIONS_VERSION */
    int threads;      /**< 0: the CPUs this process may use */
    cclip_precision precision; /**< default f32 */
    const char *device; /**< NULL or "cpu" */
} cclip_session_options;

/** Goes into `version` of cclip_session_options. */
#define CCLIP_SESSION_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_SESSION_OPTIONS_INIT { CCLIP_SESSION_OPTIONS_VERSION, 0, CCLIP_PRECISION_F32, NULL }
/** Sets the values of CCLIP_SESSION_OPTIONS_INIT. */
CCLIP_API void cclip_session_options_init(cclip_session_options *options);

/** Starts the worker threads; `options` may be NULL. The model must outlive the session. */
CCLIP_API cclip_status cclip_session_open(cclip_session **out, cclip_model *model,
                                          const cclip_session_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_session_close(cclip_session **session);
/** The model it was opened with. */
CCLIP_API cclip_model *cclip_session_model(const cclip_session *session);

/**
 * Embeddings. `out` is float32 [count][embedding_dim]; rows have L2 norm 1 if `normalize` is 1.
 * Any count: large ones are worked through in pieces; a row does not depend on its neighbours.
 * `pixels` is [count][3][height][width] as cclip_preprocess_file makes it.
 */
CCLIP_API cclip_status cclip_embed_pixels(cclip_session *session, float *out, const float *pixels,
                                          size_t count, int normalize);

/** `tokens` is [count][context], padded; `context` at most the model's context length. */
CCLIP_API cclip_status cclip_embed_tokens(cclip_session *session, float *out, const int32_t *tokens,
                                          size_t count, size_t context, int normalize);

/** Texts as pointers and lengths in bytes (`lengths` NULL: zero-terminated). */
CCLIP_API cclip_status cclip_embed_texts(cclip_session *session, float *out,
                                         const char *const *texts, const size_t *lengths,
                                         size_t count, int truncate, int normalize);

/**
 * Called for each picture that could not be read, in their order and in the caller's thread: its
 * place, and why (the message, which names the file). Return 0 to go on (the row of `out` is zero);
 * with another value the call ends with CCLIP_ERROR_CANCELLED. Not called when memory runs out, which
 * ends the call.
 */
typedef int cclip_skip_callback(void *user, size_t index, cclip_status status, const char *message);

/**
 * Picture files, decoded while others are computed; any number of them, in memory for two passes.
 * `preprocessing` NULL: the model's own; another one must be to the size of the model's input.
 * `skip` NULL: the first unreadable picture is an error. After an error rows may be half done.
 */
CCLIP_API cclip_status cclip_embed_files(cclip_session *session, float *out,
                                         const char *const *paths, size_t count,
                                         const cclip_preprocessing *preprocessing, int normalize,
                                         cclip_skip_callback *skip, void *user);

/**
 * Token features of the image tower after `layer` blocks (0: the embedded patches as the first block
 * gets them; negative: counted from the end, -1 is the last), float32
 * [count][image_tokens][image_width], a class token first where the model has one. They have not
 * gone through the last layer norm: they are what other models call hidden states. Vision
 * Transformers only; CCLIP_ERROR_UNSUPPORTED for a ResNet.
 */
CCLIP_API cclip_status cclip_embed_patches(cclip_session *session, float *out, const float *pixels,
                                           size_t count, int layer);

/** Inner product of two rows of `dim` values; the cosine if both are normalised. */
CCLIP_API float cclip_similarity(const float *a, const float *b, size_t dim);

#ifdef __cplusplus
}
#endif
#endif
