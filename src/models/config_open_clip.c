/* open_clip_config.json: {"model_cfg": {...}, "preprocess_cfg": {...}}, or a bare model_cfg as in
 * open_clip's own model_configs folder. Keys that change what is computed and are not known here
 * are refused by name: a model must never be computed wrongly in silence. */
#include "models/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "image/colour.h"
#include "models/timm_siglip.h"

/* A reader's place in the file. */
struct reader {
    const char *name;
    cclip_status status;
};

static size_t read_size(struct reader *r, const cclip_json *object, const char *key,
                        size_t fallback)
{
    return cclip_config_size(object, key, fallback, (size_t)1 << 30, r->name, &r->status);
}

static double read_number(struct reader *r, const cclip_json *object, const char *key,
                          double fallback)
{
    return cclip_config_number(object, key, fallback, r->name, &r->status);
}

static int read_flag(struct reader *r, const cclip_json *object, const char *key, int fallback)
{
    return cclip_config_flag(object, key, fallback, r->name, &r->status);
}

static const char *read_text(struct reader *r, const cclip_json *object, const char *key,
                             const char *fallback)
{
    return cclip_config_text(object, key, fallback, r->name, &r->status);
}

static void refuse(struct reader *r, const char *what, const char *value)
{
    if (!r->status)
        r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: %s%s%s is not supported", r->name, what,
                               value ? " " : "", value ? value : "");
}

/* Keys of vision_cfg and text_cfg that this reader knows; anything else is refused unless its value
 * is null or false. output_tokens only adds outputs. */
static const char *const vision_keys[] = {
    "image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size", "pool_type",
    "final_ln_after_pool", "attentional_pool", "attn_pooler_queries", "attn_pooler_heads",
    "no_ln_pre", "ls_init_value", "qk_norm", "scaled_cosine_attn", "scale_heads",
    "scale_attn_inner", "scale_attn", "scale_fc", "norm_kwargs", "act_kwargs", "patch_dropout",
    "output_tokens", "timm_model_name", "timm_model_pretrained", "timm_pool", "timm_proj",
    "timm_proj_bias", "timm_drop", "timm_drop_path", "timm_model_kwargs", "pos_embed_type", NULL
};
static const char *const text_keys[] = {
    "context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "ls_init_value",
    "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc",
    "norm_kwargs", "act_kwargs", "embed_cls", "pad_id", "eos_id", "no_causal_mask", "pool_type",
    "proj_type", "proj_bias", "output_tokens", "hf_tokenizer_name", "tokenizer_kwargs",
    "tokenizer_mode", "bos_id", "hf_model_name", "correct_cls_mask", "cls_emb_pos", NULL
};

static void refuse_unknown_keys(struct reader *r, const cclip_json *object,
                                const char *const *known)
{
    struct cclip_json_iterator it;
    for (int more = cclip_json_first(&it, object); more; more = cclip_json_next(&it)) {
        size_t i = 0;
        while (known[i] && strcmp(known[i], it.key))
            i++;
        if (!known[i] && !cclip_json_is_null(it.value) && cclip_json_bool(it.value, 1))
            refuse(r, "the option", it.key);
    }
}

/* What both towers' blocks share. */
static void read_transformer(struct reader *r, struct cclip_transformer_config *out,
                             const cclip_json *cfg, int quick_gelu)
{
    const cclip_json *norm = cclip_json_get(cfg, "norm_kwargs");
    const cclip_json *act = cclip_json_get(cfg, "act_kwargs");
    out->epsilon = (float)read_number(r, norm, "eps", 1e-5);
    out->activation = quick_gelu ? CCLIP_ACTIVATION_QUICK_GELU : CCLIP_ACTIVATION_GELU;
    if (!quick_gelu && !strcmp(read_text(r, act, "approximate", "none"), "tanh"))
        out->activation = CCLIP_ACTIVATION_GELU_TANH;
    out->layer_scale = !cclip_json_is_null(cclip_json_get(cfg, "ls_init_value"));
    out->qk_norm = read_flag(r, cfg, "qk_norm", 0);
    out->scaled_cosine = read_flag(r, cfg, "scaled_cosine_attn", 0);
    if (out->qk_norm && out->scaled_cosine)
        refuse(r, "qk_norm together with", "scaled_cosine_attn");
    out->scale_heads = read_flag(r, cfg, "scale_heads", 0);
    out->scale_attention_inner = read_flag(r, cfg, "scale_attn_inner", 0);
    out->scale_attention = read_flag(r, cfg, "scale_attn", 0);
    out->scale_mlp = read_flag(r, cfg, "scale_fc", 0);
    const double ratio = read_number(r, cfg, "mlp_ratio", 4.0);
    const double hidden = (double)out->width * ratio; /* int(width * mlp_ratio) */
    out->mlp_width = hidden > 0 && hidden < 1e9 ? (size_t)hidden : 0;
}

/* "image_size": 224 or [height, width]. */
static void read_image_size(struct reader *r, struct cclip_vision_config *out,
                            const cclip_json *value, size_t fallback)
{
    const int pair = cclip_json_is_array(value) && cclip_json_length(value) == 2;
    const int64_t height = cclip_json_integer(pair ? cclip_json_at(value, 0) : value,
                                              value ? -1 : (int64_t)fallback);
    const int64_t width = pair ? cclip_json_integer(cclip_json_at(value, 1), -1) : height;
    if ((height <= 0 || width <= 0) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT,
                               "%s: \"image_size\" must be a number or [height, width]", r->name);
    out->image_height = height > 0 ? (size_t)height : 0;
    out->image_width = width > 0 ? (size_t)width : 0;
}

static void read_resnet(struct reader *r, struct cclip_vision_config *out, const cclip_json *cfg)
{
    const cclip_json *layers = cclip_json_get(cfg, "layers");
    out->kind = CCLIP_MODIFIED_RESNET;
    if (cclip_json_length(layers) != 4 && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"layers\" must be a number or four numbers",
                               r->name);
    for (size_t i = 0; i < 4; i++) {
        const int64_t blocks = cclip_json_integer(cclip_json_at(layers, i), 0);
        out->stage_blocks[i] = blocks > 0 ? (size_t)blocks : 0;
    }
    out->stem_width = read_size(r, cfg, "width", 64);
    const size_t head_width = read_size(r, cfg, "head_width", 64);
    out->attention_heads = head_width ? out->stem_width * 32 / head_width : 0;
}

static void read_vision_transformer(struct reader *r, struct cclip_vision_config *out,
                                    const cclip_json *cfg, int quick_gelu)
{
    struct cclip_transformer_config *t = &out->transformer;
    out->kind = CCLIP_VISION_TRANSFORMER;
    t->width = read_size(r, cfg, "width", 768);
    t->layers = read_size(r, cfg, "layers", 12);
    const size_t head_width = read_size(r, cfg, "head_width", 64);
    t->heads = head_width ? t->width / head_width : 0;
    out->patch_size = read_size(r, cfg, "patch_size", 16);
    read_transformer(r, t, cfg, quick_gelu);
    out->norm_pre = !read_flag(r, cfg, "no_ln_pre", 0);
    out->norm_after_pool = read_flag(r, cfg, "final_ln_after_pool", 0);
    out->patch_dropout = read_number(r, cfg, "patch_dropout", 0);
    if (!r->status && !(out->patch_dropout >= 0 && out->patch_dropout < 1))
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"patch_dropout\" must be from 0 to less than 1", r->name);
    const char *pool = read_text(r, cfg, "pool_type", "tok");
    if (!strcmp(pool, "avg"))
        out->pool = CCLIP_POOL_AVERAGE;
    else if (strcmp(pool, "tok"))
        refuse(r, "vision pool_type", pool);
    const cclip_json *attentional = cclip_json_get(cfg, "attentional_pool");
    if (cclip_json_is_string(attentional))
        refuse(r, "attentional_pool", cclip_json_string(attentional, NULL));
    if (cclip_json_is_true(attentional)) {
        out->pool_queries = read_size(r, cfg, "attn_pooler_queries", 256);
        out->pool_heads = read_size(r, cfg, "attn_pooler_heads", 8);
    }
    const char *positions = read_text(r, cfg, "pos_embed_type", "learnable");
    if (strcmp(positions, "learnable"))
        refuse(r, "pos_embed_type", positions);
}

/* What may be changed of a timm model by keyword. */
static const char *const timm_keys[] = { "img_size",  "patch_size", "embed_dim", "depth",
                                         "num_heads", "mlp_ratio",  NULL };

/* timm's SigLIP Vision Transformers. The name gives the sizes, timm_model_kwargs override them. */
static void read_timm(struct reader *r, struct cclip_vision_config *out, const cclip_json *cfg,
                      const char *model)
{
    struct cclip_transformer_config *t = &out->transformer;
    const cclip_json *kwargs = cclip_json_get(cfg, "timm_model_kwargs");
    const struct cclip_timm_siglip *timm = cclip_timm_siglip_find(model);
    if (!timm) {
        refuse(r, "the timm model", model);
        return;
    }
    refuse_unknown_keys(r, kwargs, timm_keys);
    out->kind = CCLIP_VISION_TRANSFORMER;
    t->width = read_size(r, kwargs, "embed_dim", timm->width);
    t->layers = read_size(r, kwargs, "depth", timm->layers);
    t->heads = read_size(r, kwargs, "num_heads", timm->heads);
    const double same_ratio = (double)timm->mlp_width / (double)timm->width;
    const double hidden = (double)t->width * read_number(r, kwargs, "mlp_ratio", same_ratio);
    t->mlp_width = hidden > 0 && hidden < 1e9 ? (size_t)(hidden + 1e-6) : 0;
    t->epsilon = 1e-6f;
    t->activation = timm->tanh_gelu ? CCLIP_ACTIVATION_GELU_TANH : CCLIP_ACTIVATION_GELU;
    out->patch_size = read_size(r, kwargs, "patch_size", timm->patch);
    out->class_token = 0;
    out->patch_bias = 1;
    out->norm_pre = 0;
    out->pool = CCLIP_POOL_MAP;
    out->projection = 0;
    if (strcmp(read_text(r, cfg, "timm_pool", "map"), "map") &&
        *read_text(r, cfg, "timm_pool", "map"))
        refuse(r, "timm_pool", read_text(r, cfg, "timm_pool", NULL));
    if (strcmp(read_text(r, cfg, "timm_proj", "none"), "none") && *read_text(r, cfg, "timm_proj", ""))
        refuse(r, "timm_proj", read_text(r, cfg, "timm_proj", NULL));
}

static void read_vision(struct reader *r, struct cclip_config *config, const cclip_json *cfg,
                        int quick_gelu)
{
    struct cclip_vision_config *out = &config->vision;
    const char *timm = read_text(r, cfg, "timm_model_name", NULL);
    refuse_unknown_keys(r, cfg, vision_keys);
    read_image_size(r, out, cclip_json_get(cfg, "image_size"), 224);
    if (timm)
        read_timm(r, out, cfg, timm);
    else if (cclip_json_is_array(cclip_json_get(cfg, "layers")))
        read_resnet(r, out, cfg);
    else
        read_vision_transformer(r, out, cfg, quick_gelu);
}

static const struct {
    const char *name;
    enum cclip_text_pool pool;
} text_pools[] = { { "argmax", CCLIP_POOL_HIGHEST_ID }, { "eos", CCLIP_POOL_END_TOKEN },
                   { "first", CCLIP_POOL_FIRST },       { "last", CCLIP_POOL_LAST } };

static void read_text_tower(struct reader *r, struct cclip_config *config, const cclip_json *cfg,
                            int quick_gelu)
{
    struct cclip_text_config *out = &config->text;
    struct cclip_transformer_config *t = &out->transformer;
    if (read_text(r, cfg, "hf_model_name", NULL)) /* first: its own options are unknown here, too */
        refuse(r, "the text tower", read_text(r, cfg, "hf_model_name", NULL));
    refuse_unknown_keys(r, cfg, text_keys);
    out->context_length = read_size(r, cfg, "context_length", 77);
    out->vocabulary_size = read_size(r, cfg, "vocab_size", 49408);
    t->width = read_size(r, cfg, "width", 512);
    t->heads = read_size(r, cfg, "heads", 8);
    t->layers = read_size(r, cfg, "layers", 12);
    read_transformer(r, t, cfg, quick_gelu);
    out->causal = !read_flag(r, cfg, "no_causal_mask", 0);
    out->class_embedding = read_flag(r, cfg, "embed_cls", 0);
    out->pad_id = (int32_t)read_size(r, cfg, "pad_id", 0);
    out->end_id = (int32_t)read_size(r, cfg, "eos_id", 2);
    const char *pool = read_text(r, cfg, "pool_type", "argmax");
    size_t i = 0;
    while (i < sizeof text_pools / sizeof text_pools[0] && strcmp(text_pools[i].name, pool))
        i++;
    if (i < sizeof text_pools / sizeof text_pools[0])
        out->pool = text_pools[i].pool;
    else
        refuse(r, "text pool_type", pool);
    const char *projection = read_text(r, cfg, "proj_type", "linear");
    if (!strcmp(projection, "none"))
        out->projection = CCLIP_PROJECTION_NONE;
    else if (strcmp(projection, "linear"))
        refuse(r, "text proj_type", projection);
    else if (read_flag(r, cfg, "proj_bias", 0))
        out->projection = CCLIP_PROJECTION_LINEAR_BIAS;
    if (read_flag(r, cfg, "correct_cls_mask", 0))
        refuse(r, "correct_cls_mask", NULL);
}

static void read_triple(struct reader *r, float out[3], const cclip_json *value, const char *key)
{
    if (cclip_json_is_null(value))
        return;
    for (size_t i = 0; i < 3; i++) {
        const cclip_json *item = cclip_json_is_array(value) ? cclip_json_at(value, i) : value;
        const double number = cclip_json_number(item, NAN);
        if (!isfinite(number) && !r->status)
            r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be three numbers", r->name,
                                   key);
        out[i] = (float)number;
    }
}

static const struct {
    const char *name;
    cclip_interpolation value;
} interpolations[] = { { "bicubic", CCLIP_BICUBIC },
                       { "bilinear", CCLIP_BILINEAR },
                       { "random", CCLIP_BICUBIC } };
static const struct {
    const char *name;
    cclip_resize_mode value;
} resize_modes[] = { { "shortest", CCLIP_RESIZE_SHORTEST },
                     { "longest", CCLIP_RESIZE_LONGEST },
                     { "squash", CCLIP_RESIZE_SQUASH } };

static void read_preprocessing(struct reader *r, struct cclip_config *config,
                               const cclip_json *cfg)
{
    cclip_preprocessing *out = &config->preprocessing;
    if (!cclip_json_is_null(cfg) && !cclip_json_is_object(cfg) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"preprocess_cfg\" must be an object", r->name);
    out->height = config->vision.image_height;
    out->width = config->vision.image_width;
    read_triple(r, out->mean, cclip_json_get(cfg, "mean"), "mean");
    read_triple(r, out->std, cclip_json_get(cfg, "std"), "std");
    for (int i = 0; i < 3; i++)
        if (!(out->std[i] > 0) && !r->status)
            r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"std\" must be positive", r->name);
    const char *interpolation = read_text(r, cfg, "interpolation", "bicubic");
    const char *mode = read_text(r, cfg, "resize_mode", "shortest");
    size_t found = 0;
    for (size_t i = 0; i < sizeof interpolations / sizeof interpolations[0]; i++)
        if (!strcmp(interpolations[i].name, interpolation) && ++found)
            out->interpolation = interpolations[i].value;
    if (!found)
        refuse(r, "interpolation", interpolation);
    found = 0;
    for (size_t i = 0; i < sizeof resize_modes / sizeof resize_modes[0]; i++)
        if (!strcmp(resize_modes[i].name, mode) && ++found)
            out->resize_mode = resize_modes[i].value;
    if (!found)
        refuse(r, "resize_mode", mode);
    const char *background = read_text(r, cfg, "background", "none");
    if (!r->status)
        r->status = cclip_colour_parse(&out->has_background, out->background, background);
}

cclip_status cclip_config_read_open_clip(struct cclip_config *out, const cclip_json *root,
                                         const char *name)
{
    struct reader r = { .name = name };
    const cclip_json *inner = cclip_json_get(root, "model_cfg");
    const cclip_json *cfg = inner ? inner : root;
    const cclip_json *text = cclip_json_get(cfg, "text_cfg");
    cclip_config_default(out);
    if (!cclip_json_is_object(cclip_json_get(cfg, "vision_cfg")) || !cclip_json_is_object(text))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"vision_cfg\" and \"text_cfg\" are expected", name);
    if (cclip_json_get(cfg, "multimodal_cfg") && !cclip_json_is_null(cclip_json_get(cfg, "multimodal_cfg")))
        refuse(&r, "a multimodal decoder (CoCa)", NULL);
    const int quick_gelu = read_flag(&r, cfg, "quick_gelu", 0);
    out->custom_text = read_flag(&r, cfg, "custom_text", 0);
    out->embedding_dim = read_size(&r, cfg, "embed_dim", 0);
    read_vision(&r, out, cclip_json_get(cfg, "vision_cfg"), quick_gelu);
    read_text_tower(&r, out, text, quick_gelu);
    out->has_logit_bias = !cclip_json_is_null(cclip_json_get(cfg, "init_logit_bias"));
    out->tokenizer_style = CCLIP_STYLE_OPEN_CLIP;
    read_preprocessing(&r, out, cclip_json_get(root, "preprocess_cfg"));
    return r.status ? r.status : cclip_config_check(out, name);
}
