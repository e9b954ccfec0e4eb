/* Writing configurations that the reference projects read back strictly. */
#include "models/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "models/timm_siglip.h"

/* Sets members of an object; the first failure sticks, later calls release their value. */
struct object {
    cclip_json *json;
    cclip_status status;
};

static void put(struct object *o, const char *key, cclip_json *value)
{
    if (!o->status)
        o->status = value ? cclip_json_set(o->json, key, value) : cclip_fail_memory(sizeof value);
    else
        cclip_json_close(&value);
}

static void put_size(struct object *o, const char *key, size_t value)
{
    put(o, key, cclip_json_new_integer((int64_t)value));
}

static void put_text(struct object *o, const char *key, const char *text)
{
    put(o, key, cclip_json_new_string(text, strlen(text)));
}

static void put_flag(struct object *o, const char *key, int value)
{
    if (value)
        put(o, key, cclip_json_new_bool(1));
}

/* A float32 written with the digits a person would have typed: 0.5, not 0.500000000001. CLIP's own mean
 * and deviation were typed with a digit less than would be nearest. */
static cclip_json *short_number(float value)
{
    static const double typed[] = { 0.48145466, 0.4578275,  0.40821073,
                                    0.26862954, 0.26130258, 0.27577711 };
    char text[32];
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        if ((float)typed[i] == value)
            return cclip_json_new_number(typed[i]);
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if ((float)strtod(text, NULL) == value)
            break;
    }
    return cclip_json_new_number(strtod(text, NULL));
}

static void put_triple(struct object *o, const char *key, const float value[3])
{
    cclip_json *array = cclip_json_new_array();
    for (int i = 0; i < 3 && array && !o->status; i++)
        o->status = cclip_json_append(array, short_number(value[i]));
    put(o, key, array);
}

static struct object new_object(void)
{
    struct object o = { cclip_json_new_object(), CCLIP_OK };
    if (!o.json)
        o.status = cclip_fail_memory(sizeof o);
    return o;
}

/* Moves `child` into `parent`. */
static void put_object(struct object *parent, const char *key, struct object *child)
{
    if (!parent->status)
        parent->status = child->status;
    put(parent, key, child->json);
}

static void put_image_size(struct object *o, const struct cclip_vision_config *v)
{
    if (v->image_height == v->image_width) {
        put_size(o, "image_size", v->image_height);
        return;
    }
    cclip_json *pair = cclip_json_new_array();
    if (pair) {
        (void)cclip_json_append(pair, cclip_json_new_integer((int64_t)v->image_height));
        (void)cclip_json_append(pair, cclip_json_new_integer((int64_t)v->image_width));
    }
    put(o, "image_size", pair);
}

/* The shortest ratio from which int(width * ratio) comes out again. */
static cclip_json *mlp_ratio(const struct cclip_transformer_config *t)
{
    const double ratio = (double)t->mlp_width / (double)t->width;
    for (int digits = 1; digits <= 17; digits++) {
        char text[32];
        snprintf(text, sizeof text, "%.*g", digits, ratio);
        const double value = strtod(text, NULL);
        if ((size_t)((double)t->width * value) == t->mlp_width)
            return cclip_json_new_number(value);
    }
    return cclip_json_new_number(nextafter(ratio, INFINITY));
}

/* Options that both open_clip towers spell alike. */
static void put_block_options(struct object *o, const struct cclip_transformer_config *t)
{
    if (t->mlp_width != 4 * t->width)
        put(o, "mlp_ratio", mlp_ratio(t));
    if (t->layer_scale)
        put(o, "ls_init_value", cclip_json_new_number(1e-5));
    put_flag(o, "qk_norm", t->qk_norm);
    put_flag(o, "scaled_cosine_attn", t->scaled_cosine);
    put_flag(o, "scale_heads", t->scale_heads);
    put_flag(o, "scale_attn_inner", t->scale_attention_inner);
    put_flag(o, "scale_attn", t->scale_attention);
    put_flag(o, "scale_fc", t->scale_mlp);
    if (t->epsilon != 1e-5f) {
        struct object norm = new_object();
        put(&norm, "eps", short_number(t->epsilon));
        put_object(o, "norm_kwargs", &norm);
    }
    if (t->activation == CCLIP_ACTIVATION_GELU_TANH) {
        struct object act = new_object();
        put_text(&act, "approximate", "tanh");
        put_object(o, "act_kwargs", &act);
    }
}

static struct object open_clip_vision(const struct cclip_vision_config *v)
{
    struct object o = new_object();
    put_image_size(&o, v);
    if (v->kind == CCLIP_MODIFIED_RESNET) {
        cclip_json *layers = cclip_json_new_array();
        for (int i = 0; i < 4 && layers && !o.status; i++)
            o.status = cclip_json_append(layers, cclip_json_new_integer((int64_t)v->stage_blocks[i]));
        put(&o, "layers", layers);
        put_size(&o, "width", v->stem_width);
        const size_t head_width = v->stem_width * 32 / v->attention_heads;
        if (head_width != 64)
            put_size(&o, "head_width", head_width);
        put(&o, "patch_size", cclip_json_new_null());
        return o;
    }
    put_size(&o, "layers", v->transformer.layers);
    put_size(&o, "width", v->transformer.width);
    put_size(&o, "head_width", v->transformer.width / v->transformer.heads);
    put_size(&o, "patch_size", v->patch_size);
    put_block_options(&o, &v->transformer);
    put_flag(&o, "no_ln_pre", !v->norm_pre);
    put_flag(&o, "final_ln_after_pool", v->norm_after_pool);
    if (v->pool == CCLIP_POOL_AVERAGE)
        put_text(&o, "pool_type", "avg");
    if (v->pool_queries) {
        put_flag(&o, "attentional_pool", 1);
        put_size(&o, "attn_pooler_queries", v->pool_queries);
        put_size(&o, "attn_pooler_heads", v->pool_heads);
    }
    return o;
}

/* A model that timm has by name is written so; any other by what differs, which open_clip understands
 * since timm_model_kwargs are in its configurations. */
static struct object timm_vision(const struct cclip_vision_config *v)
{
    const struct cclip_transformer_config *t = &v->transformer;
    const struct cclip_timm_siglip *exact = cclip_timm_siglip_match(v);
    struct object o = new_object();
    put_image_size(&o, v);
    put_text(&o, "timm_model_name", exact ? exact->name : cclip_timm_siglip_like(v)->name);
    put_text(&o, "timm_pool", "map");
    put_text(&o, "timm_proj", "none");
    if (exact)
        return o;
    struct object kwargs = new_object();
    put_size(&kwargs, "img_size", v->image_height);
    put_size(&kwargs, "patch_size", v->patch_size);
    put_size(&kwargs, "embed_dim", t->width);
    put_size(&kwargs, "depth", t->layers);
    put_size(&kwargs, "num_heads", t->heads);
    put(&kwargs, "mlp_ratio", mlp_ratio(t));
    put_object(&o, "timm_model_kwargs", &kwargs);
    return o;
}

static struct object open_clip_text(const struct cclip_text_config *t)
{
    static const char *const pools[] = { "argmax", "eos", "first", "last" };
    struct object o = new_object();
    put_size(&o, "context_length", t->context_length);
    put_size(&o, "vocab_size", t->vocabulary_size);
    put_size(&o, "width", t->transformer.width);
    put_size(&o, "heads", t->transformer.heads);
    put_size(&o, "layers", t->transformer.layers);
    put_block_options(&o, &t->transformer);
    if (t->pool != CCLIP_POOL_HIGHEST_ID)
        put_text(&o, "pool_type", pools[t->pool]);
    if (t->pool == CCLIP_POOL_END_TOKEN)
        put_size(&o, "eos_id", (size_t)t->end_id);
    put_flag(&o, "no_causal_mask", !t->causal);
    put_flag(&o, "embed_cls", t->class_embedding);
    if (t->pad_id)
        put_size(&o, "pad_id", (size_t)t->pad_id);
    if (t->projection == CCLIP_PROJECTION_NONE)
        put_text(&o, "proj_type", "none");
    put_flag(&o, "proj_bias", t->projection == CCLIP_PROJECTION_LINEAR_BIAS);
    return o;
}

static void put_background(struct object *o, const cclip_preprocessing *p)
{
    char colour[8];
    snprintf(colour, sizeof colour, "#%02x%02x%02x", p->background[0], p->background[1],
             p->background[2]);
    put_text(o, "background", strcmp(colour, "#ffffff") ? colour : "white");
}

static struct object open_clip_preprocessing(const cclip_preprocessing *p)
{
    static const char *const modes[] = { "shortest", "longest", "squash" };
    struct object o = new_object();
    put_triple(&o, "mean", p->mean);
    put_triple(&o, "std", p->std);
    put_text(&o, "interpolation", p->interpolation == CCLIP_BILINEAR ? "bilinear" : "bicubic");
    put_text(&o, "resize_mode", modes[p->resize_mode]);
    if (p->has_background)
        put_background(&o, p);
    return o;
}

/* open_clip has one switch for QuickGELU, for both towers; its SigLIP tower is timm's. What it cannot
 * hold is named. */
static const char *open_clip_obstacle(const struct cclip_config *config)
{
    const struct cclip_vision_config *vision = &config->vision;
    const struct cclip_transformer_config *v = &vision->transformer;
    const struct cclip_transformer_config *t = &config->text.transformer;
    const cclip_preprocessing *p = &config->preprocessing;
    const int vision_quick = v->activation == CCLIP_ACTIVATION_QUICK_GELU;
    const int text_quick = t->activation == CCLIP_ACTIVATION_QUICK_GELU;
    if (vision->kind == CCLIP_VISION_TRANSFORMER && vision_quick != text_quick)
        return "QuickGELU in only one of the towers";
    if (v->activation == CCLIP_ACTIVATION_RELU || t->activation == CCLIP_ACTIVATION_RELU)
        return "ReLU towers";
    if (vision->pool == CCLIP_POOL_MAP && v->epsilon != 1e-6f)
        return "a SigLIP image tower with a layer norm epsilon other than 1e-6";
    if (vision->pool == CCLIP_POOL_MAP && vision_quick)
        return "a SigLIP image tower with QuickGELU";
    if (vision->pool == CCLIP_POOL_MAP && vision->image_height != vision->image_width)
        return "a SigLIP image tower for pictures that are not square";
    if (p->interpolation != CCLIP_BICUBIC && p->interpolation != CCLIP_BILINEAR)
        return "resizing of pictures that is neither bicubic nor bilinear";
    if (p->resize_to && (p->resize_to != p->height || p->height != p->width))
        return "resizing of pictures to another size than is cropped";
    return NULL;
}

cclip_status cclip_config_write_open_clip(cclip_json **out, const struct cclip_config *config)
{
    *out = NULL;
    const char *obstacle = open_clip_obstacle(config);
    if (obstacle)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "open_clip's format cannot express %s", obstacle);
    const int siglip = config->vision.pool == CCLIP_POOL_MAP;
    struct object root = new_object(), model = new_object();
    struct object vision = siglip ? timm_vision(&config->vision) : open_clip_vision(&config->vision);
    struct object text = open_clip_text(&config->text);
    struct object preprocess = open_clip_preprocessing(&config->preprocessing);
    put_size(&model, "embed_dim", config->embedding_dim);
    put_flag(&model, "quick_gelu",
             config->text.transformer.activation == CCLIP_ACTIVATION_QUICK_GELU);
    put_flag(&model, "custom_text", cclip_config_is_custom_text(config));
    if (config->has_logit_bias)
        put(&model, "init_logit_bias", cclip_json_new_number(-10));
    put_object(&model, "vision_cfg", &vision);
    put_object(&model, "text_cfg", &text);
    put_object(&root, "model_cfg", &model);
    put_object(&root, "preprocess_cfg", &preprocess);
    if (root.status)
        cclip_json_close(&root.json);
    *out = root.json;
    return root.status;
}

int cclip_config_is_custom_text(const struct cclip_config *config)
{
    const struct cclip_text_config *t = &config->text;
    return config->custom_text || t->class_embedding || t->pool == CCLIP_POOL_END_TOKEN ||
           config->vision.pool == CCLIP_POOL_MAP || t->projection == CCLIP_PROJECTION_LINEAR_BIAS ||
           t->projection == CCLIP_PROJECTION_NONE;
}

static const char *hugging_face_activation(enum cclip_activation activation)
{
    static const char *const names[CCLIP_ACTIVATIONS] = {
        [CCLIP_ACTIVATION_RELU] = "relu",
        [CCLIP_ACTIVATION_GELU] = "gelu",
        [CCLIP_ACTIVATION_GELU_TANH] = "gelu_pytorch_tanh",
        [CCLIP_ACTIVATION_QUICK_GELU] = "quick_gelu",
    };
    return names[activation] ? names[activation] : "linear";
}

static struct object hugging_face_transformer(const struct cclip_transformer_config *t,
                                              const char *type)
{
    struct object o = new_object();
    put_text(&o, "model_type", type);
    put_size(&o, "hidden_size", t->width);
    put_size(&o, "intermediate_size", t->mlp_width);
    put_size(&o, "num_hidden_layers", t->layers);
    put_size(&o, "num_attention_heads", t->heads);
    put_text(&o, "hidden_act", hugging_face_activation(t->activation));
    put(&o, "layer_norm_eps", short_number(t->epsilon));
    return o;
}

/* transformers' CLIPModel is the plain ViT and the plain causal text tower; SiglipModel the SigLIP
 * pair. What neither can hold is named. */
static const char *hugging_face_obstacle(const struct cclip_config *config)
{
    const struct cclip_vision_config *v = &config->vision;
    const struct cclip_text_config *t = &config->text;
    const struct cclip_transformer_config *towers[2] = { &v->transformer, &t->transformer };
    const int siglip = v->pool == CCLIP_POOL_MAP;
    if (v->kind != CCLIP_VISION_TRANSFORMER)
        return "a ResNet image tower";
    for (int i = 0; i < 2; i++) {
        if (towers[i]->layer_scale)
            return "layer scale";
        if (cclip_transformer_is_custom(towers[i]))
            return "custom attention blocks";
    }
    if (v->pool_queries || v->pool == CCLIP_POOL_AVERAGE || v->norm_after_pool)
        return "this image pooling";
    if (v->image_height != v->image_width)
        return "pictures that are not square";
    if (t->class_embedding)
        return "a class embedding in the text tower";
    if (config->preprocessing.resize_mode == CCLIP_RESIZE_LONGEST)
        return "fitting pictures by their longest side";
    if (siglip ? t->causal || t->pool != CCLIP_POOL_LAST || t->projection != CCLIP_PROJECTION_LINEAR_BIAS
               : !v->norm_pre || !v->projection || !t->causal || config->has_logit_bias ||
                     t->pool == CCLIP_POOL_FIRST || t->pool == CCLIP_POOL_LAST ||
                     t->projection == CCLIP_PROJECTION_NONE ||
                     t->projection == CCLIP_PROJECTION_LINEAR_BIAS)
        return siglip ? "this text tower beside a SigLIP image tower" : "this text tower";
    return NULL;
}

static struct object hugging_face_preprocessor(const cclip_preprocessing *p, int siglip)
{
    static const int filters[] = { 3, 2, 0, 1 }; /* PIL's numbers, by cclip_interpolation */
    struct object o = new_object(), size = new_object(), crop = new_object();
    const int squash = p->resize_mode == CCLIP_RESIZE_SQUASH;
    put_text(&o, "image_processor_type", siglip ? "SiglipImageProcessor" : "CLIPImageProcessor");
    put(&o, "do_resize", cclip_json_new_bool(1));
    if (squash) {
        put_size(&size, "height", p->height);
        put_size(&size, "width", p->width);
    } else {
        put_size(&size, "shortest_edge", p->resize_to ? p->resize_to : p->height);
    }
    put_object(&o, "size", &size);
    put_size(&o, "resample", (size_t)filters[p->interpolation]);
    put(&o, "do_center_crop", cclip_json_new_bool(!squash));
    put_size(&crop, "height", p->height);
    put_size(&crop, "width", p->width);
    put_object(&o, "crop_size", &crop);
    put(&o, "do_convert_rgb", cclip_json_new_bool(1));
    put(&o, "do_rescale", cclip_json_new_bool(1));
    put(&o, "rescale_factor", cclip_json_new_number(1.0 / 255.0));
    put(&o, "do_normalize", cclip_json_new_bool(1));
    put_triple(&o, "image_mean", p->mean);
    put_triple(&o, "image_std", p->std);
    if (p->has_background) /* our own: transformers drops transparency and passes over this key */
        put_background(&o, p);
    return o;
}

cclip_status cclip_config_write_hugging_face(cclip_json **out, cclip_json **preprocessor,
                                             const struct cclip_config *config, const char *dtype)
{
    *out = *preprocessor = NULL;
    const char *obstacle = hugging_face_obstacle(config);
    if (obstacle)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "transformers' format cannot express %s", obstacle);
    const int siglip = config->vision.pool == CCLIP_POOL_MAP;
    struct object root = new_object();
    struct object vision = hugging_face_transformer(
        &config->vision.transformer, siglip ? "siglip_vision_model" : "clip_vision_model");
    struct object text = hugging_face_transformer(
        &config->text.transformer, siglip ? "siglip_text_model" : "clip_text_model");
    cclip_json *architectures = cclip_json_new_array();
    const char *class_name = siglip ? "SiglipModel" : "CLIPModel";
    if (architectures)
        (void)cclip_json_append(architectures,
                                cclip_json_new_string(class_name, strlen(class_name)));
    put(&root, "architectures", architectures);
    put_text(&root, "model_type", siglip ? "siglip" : "clip");
    put_text(&root, "torch_dtype", dtype);
    put_size(&vision, "image_size", config->vision.image_height);
    put_size(&vision, "patch_size", config->vision.patch_size);
    put_size(&vision, "num_channels", 3);
    put_size(&text, "vocab_size", config->text.vocabulary_size);
    put_size(&text, "max_position_embeddings", config->text.context_length);
    const size_t highest = config->text.vocabulary_size - 1;
    const size_t end = config->text.pool == CCLIP_POOL_END_TOKEN ? (size_t)config->text.end_id : highest;
    put_size(&text, "bos_token_id", highest - 1);
    put_size(&text, "eos_token_id", config->text.pool == CCLIP_POOL_HIGHEST_ID && !siglip ? 2 : end);
    put_size(&text, "pad_token_id", siglip || config->text.pad_id ? (size_t)config->text.pad_id : end);
    if (siglip) {
        put_size(&text, "projection_size", config->embedding_dim);
    } else {
        put_size(&root, "projection_dim", config->embedding_dim);
        put_size(&text, "projection_dim", config->embedding_dim);
        put_size(&vision, "projection_dim", config->embedding_dim);
        put(&root, "logit_scale_init_value", cclip_json_new_number(2.6592));
    }
    put_object(&root, "text_config", &text);
    put_object(&root, "vision_config", &vision);
    struct object processor = hugging_face_preprocessor(&config->preprocessing, siglip);
    const cclip_status status = root.status ? root.status : processor.status;
    if (status) {
        cclip_json_close(&root.json);
        cclip_json_close(&processor.json);
    }
    *out = root.json;
    *preprocessor = processor.json;
    return status;
}
