/* config.json of transformers' CLIPModel and SiglipModel, with preprocessor_config.json (or the
 * "image_processor" of processor_config.json). Defaults are those of the two model classes. */
#include "models/config.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "image/colour.h"

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

static const struct {
    const char *name;
    enum cclip_activation activation;
} activations[] = {
    { "quick_gelu", CCLIP_ACTIVATION_QUICK_GELU },     { "gelu", CCLIP_ACTIVATION_GELU },
    { "gelu_pytorch_tanh", CCLIP_ACTIVATION_GELU_TANH },{ "gelu_new", CCLIP_ACTIVATION_GELU_TANH },
    { "relu", CCLIP_ACTIVATION_RELU },
};

static void read_activation(struct reader *r, enum cclip_activation *out, const cclip_json *cfg,
                            const char *fallback)
{
    const char *name = cclip_config_text(cfg, "hidden_act", fallback, r->name, &r->status);
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        if (strcmp(activations[i].name, name))
            continue;
        *out = activations[i].activation;
        return;
    }
    if (!r->status)
        r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: hidden_act \"%s\" is not supported",
                               r->name, name);
}

/* Sizes that transformers assumes when a key is absent. */
struct defaults {
    size_t width, mlp_width, layers, heads;
    const char *activation;
    double epsilon;
};

static void read_transformer(struct reader *r, struct cclip_transformer_config *out,
                             const cclip_json *cfg, const struct defaults *defaults)
{
    out->width = read_size(r, cfg, "hidden_size", defaults->width);
    out->mlp_width = read_size(r, cfg, "intermediate_size", defaults->mlp_width);
    out->layers = read_size(r, cfg, "num_hidden_layers", defaults->layers);
    out->heads = read_size(r, cfg, "num_attention_heads", defaults->heads);
    out->epsilon = (float)read_number(r, cfg, "layer_norm_eps", defaults->epsilon);
    read_activation(r, &out->activation, cfg, defaults->activation);
}

static void read_vision(struct reader *r, struct cclip_config *config, const cclip_json *cfg,
                        int siglip)
{
    static const struct defaults clip = { 768, 3072, 12, 12, "quick_gelu", 1e-5 };
    static const struct defaults sig = { 768, 3072, 12, 12, "gelu_pytorch_tanh", 1e-6 };
    struct cclip_vision_config *out = &config->vision;
    read_transformer(r, &out->transformer, cfg, siglip ? &sig : &clip);
    out->kind = CCLIP_VISION_TRANSFORMER;
    out->image_height = out->image_width = read_size(r, cfg, "image_size", 224);
    out->patch_size = read_size(r, cfg, "patch_size", siglip ? 16 : 32);
    if (read_size(r, cfg, "num_channels", 3) != 3 && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: \"num_channels\" other than 3", r->name);
    if (!siglip)
        return;
    out->class_token = 0;
    out->patch_bias = 1;
    out->norm_pre = 0;
    out->pool = CCLIP_POOL_MAP;
    out->projection = 0;
    if (!read_flag(r, cfg, "vision_use_head", 1) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: \"vision_use_head\" false", r->name);
}

static void read_text(struct reader *r, struct cclip_config *config, const cclip_json *cfg,
                      int siglip)
{
    static const struct defaults clip = { 512, 2048, 12, 8, "quick_gelu", 1e-5 };
    static const struct defaults sig = { 768, 3072, 12, 12, "gelu_pytorch_tanh", 1e-6 };
    struct cclip_text_config *out = &config->text;
    read_transformer(r, &out->transformer, cfg, siglip ? &sig : &clip);
    out->context_length = read_size(r, cfg, "max_position_embeddings", siglip ? 64 : 77);
    out->vocabulary_size = read_size(r, cfg, "vocab_size", siglip ? 32000 : 49408);
    out->pad_id = (int32_t)read_size(r, cfg, "pad_token_id", 1);
    if (siglip) {
        out->causal = 0;
        out->pool = CCLIP_POOL_LAST;
        out->projection = CCLIP_PROJECTION_LINEAR_BIAS;
        return;
    }
    const cclip_json *end = cclip_json_get(cfg, "eos_token_id");
    if (cclip_json_is_array(end))
        end = cclip_json_at(end, 0);
    const int64_t id = cclip_json_is_null(end) ? 49407 : cclip_json_integer(end, -1);
    if ((id < 0 || id > INT32_MAX) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"eos_token_id\" must be a token id", r->name);
    out->end_id = (int32_t)id;
    /* Configurations from before the end token was looked up say 2 and mean the highest id. */
    out->pool = out->end_id == 2 ? CCLIP_POOL_HIGHEST_ID : CCLIP_POOL_END_TOKEN;
}

/* A side given as a number, {"shortest_edge": n} or {"height": h, "width": w}. */
struct side {
    size_t height, width;
    int shortest; /* only one number: the shortest side */
};

static struct side square(struct reader *r, const cclip_json *object, const char *key, size_t fallback)
{
    const size_t side = read_size(r, object, key, fallback);
    if (!side && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be 1 or more", r->name, key);
    return (struct side){ side, side, 1 };
}

static struct side read_side(struct reader *r, const cclip_json *object, const char *key,
                             struct side fallback)
{
    const cclip_json *value = cclip_json_get(object, key);
    if (cclip_json_is_null(value))
        return fallback;
    if (!cclip_json_is_object(value))
        return square(r, object, key, fallback.height);
    if (!cclip_json_is_null(cclip_json_get(value, "shortest_edge")))
        return square(r, value, "shortest_edge", fallback.height);
    return (struct side){ read_size(r, value, "height", fallback.height),
                          read_size(r, value, "width", fallback.width), 0 };
}

static void read_triple(struct reader *r, float out[3], const cclip_json *value, const char *key)
{
    for (size_t i = 0; i < 3 && !cclip_json_is_null(value); i++) {
        const double number = cclip_json_number(cclip_json_at(value, i), NAN);
        if (!isfinite(number) && !r->status)
            r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be three numbers", r->name,
                                   key);
        out[i] = (float)number;
    }
}

/* PIL's numbers for resampling filters. */
static void read_resample(struct reader *r, cclip_interpolation *out, const cclip_json *cfg)
{
    static const cclip_interpolation filters[] = { CCLIP_NEAREST, CCLIP_LANCZOS, CCLIP_BILINEAR,
                                                   CCLIP_BICUBIC };
    const size_t number = read_size(r, cfg, "resample", 3);
    if (number < 4)
        *out = filters[number];
    else if (!r->status)
        r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: \"resample\" %zu is not supported",
                               r->name, number);
}

/* What a preprocessor may be told to leave out or do otherwise, and the models here never see. */
static void check_steps(struct reader *r, const cclip_json *cfg)
{
    static const char *const steps[] = { "do_resize", "do_rescale" };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!read_flag(r, cfg, steps[i], 1) && !r->status)
            r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: \"%s\": false is not supported",
                                   r->name, steps[i]);
    const double factor = read_number(r, cfg, "rescale_factor", 1.0 / 255);
    if (!(fabs(factor * 255 - 1) < 1e-6) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                               "%s: \"rescale_factor\" %.9g is not supported, 1/255 is expected",
                               r->name, factor);
}

static void read_mean_and_std(struct reader *r, cclip_preprocessing *out, const cclip_json *cfg)
{
    if (!read_flag(r, cfg, "do_normalize", 1)) {
        for (int i = 0; i < 3; i++) {
            out->mean[i] = 0;
            out->std[i] = 1;
        }
        return;
    }
    read_triple(r, out->mean, cclip_json_get(cfg, "image_mean"), "image_mean");
    read_triple(r, out->std, cclip_json_get(cfg, "image_std"), "image_std");
    for (int i = 0; i < 3; i++)
        if (!(out->std[i] > 0) && !r->status)
            r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"image_std\" must be positive", r->name);
}

static void read_preprocessing(struct reader *r, struct cclip_config *config,
                               const cclip_json *root, int siglip)
{
    cclip_preprocessing *out = &config->preprocessing;
    const cclip_json *nested = cclip_json_get(root, "image_processor");
    const cclip_json *cfg = nested ? nested : root;
    if (!cclip_json_is_null(cfg) && !cclip_json_is_object(cfg) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: settings of pictures are expected", r->name);
    const size_t model_side = config->vision.image_height;
    const struct side fallback = { model_side, model_side, !siglip };
    const struct side size = read_side(r, cfg, "size", fallback);
    const int crops = read_flag(r, cfg, "do_center_crop", !siglip);
    const struct side crop = crops ? read_side(r, cfg, "crop_size", fallback) : size;
    static const float half[3] = { 0.5f, 0.5f, 0.5f };
    if (siglip) {
        memcpy(out->mean, half, sizeof half);
        memcpy(out->std, half, sizeof half);
    }
    out->height = config->vision.image_height;
    out->width = config->vision.image_width;
    out->resize_mode = size.shortest ? CCLIP_RESIZE_SHORTEST : CCLIP_RESIZE_SQUASH;
    out->resize_to = size.shortest && size.height != crop.height ? size.height : 0;
    read_resample(r, &out->interpolation, cfg);
    check_steps(r, cfg);
    read_mean_and_std(r, out, cfg);
    const char *background = cclip_json_string(cclip_json_get(cfg, "background"), NULL);
    if (background && !r->status) /* as this program writes it; transformers has no such key */
        r->status = cclip_colour_parse(&out->has_background, out->background, background);
    if ((crop.height != out->height || crop.width != out->width) && !r->status)
        r->status = cclip_fail(CCLIP_ERROR_MISMATCH,
                               "%s: pictures are cropped to %zu x %zu but the model takes %zu x %zu",
                               r->name, crop.width, crop.height, out->width, out->height);
}

int cclip_config_is_hugging_face(const cclip_json *root)
{
    const char *type = cclip_json_string(cclip_json_get(root, "model_type"), NULL);
    return type && (!strcmp(type, "clip") || !strcmp(type, "siglip"));
}

cclip_status cclip_config_read_hugging_face(struct cclip_config *out, const cclip_json *root,
                                            const cclip_json *preprocessor,
                                            const char *preprocessor_name, const char *name)
{
    struct reader r = { .name = name };
    const char *type = cclip_json_string(cclip_json_get(root, "model_type"), NULL);
    const int siglip = type && !strcmp(type, "siglip");
    const cclip_json *text = cclip_json_get(root, "text_config");
    cclip_config_default(out);
    if (!cclip_json_is_object(text) || !cclip_json_is_object(cclip_json_get(root, "vision_config")))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"text_config\" and \"vision_config\" are expected",
                          name);
    read_vision(&r, out, cclip_json_get(root, "vision_config"), siglip);
    read_text(&r, out, text, siglip);
    out->embedding_dim = siglip ? out->vision.transformer.width
                                : read_size(&r, root, "projection_dim", 512);
    out->has_logit_bias = siglip;
    out->tokenizer_style = CCLIP_STYLE_HF;
    if (!r.status) /* what is wrong from here on is in the other file */
        r.name = preprocessor_name ? preprocessor_name : name;
    read_preprocessing(&r, out, preprocessor, siglip);
    return r.status ? r.status : cclip_config_check(out, name);
}
