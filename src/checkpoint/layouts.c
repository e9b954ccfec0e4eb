#include "checkpoint/layouts.h"

#include <stdio.h>
#include <string.h>

#define ROW(theirs, ours) { theirs, ours, CCLIP_AS_IT_IS, 0, 0, 0 }
#define CHANGED(theirs, ours, change) { theirs, ours, change, 0, 0, 0 }
#define PART(theirs, ours, first, end) { theirs, ours, CCLIP_AS_IT_IS, first, end, 3 }
/* A layer's two tensors. */
#define LAYER(theirs, ours) ROW(theirs ".weight", ours ".weight"), ROW(theirs ".bias", ours ".bias")
/* A linear layer that is some of the three row blocks of PREFIXin_proj_weight and _bias. */
#define PROJECTION(theirs, ours, first, end)                                                       \
    PART(theirs ".weight", ours "in_proj_weight", first, end),                                     \
        PART(theirs ".bias", ours "in_proj_bias", first, end)
#define END { NULL, NULL, CCLIP_AS_IT_IS, 0, 0, 0 }

/* openai/CLIP, and open_clip where text is no module of its own. */
static const struct cclip_layout_row visual[] = { ROW("visual.**", "visual.**"), END };
static const struct cclip_layout_row scalars[] = {
    CHANGED("logit_scale", "logit_scale", CCLIP_SCALAR),
    CHANGED("logit_bias", "logit_bias", CCLIP_SCALAR),
    END
};
static const struct cclip_layout_row plain_text[] = {
    ROW("positional_embedding", "text.positional_embedding"),
    ROW("token_embedding.weight", "text.token_embedding.weight"),
    ROW("transformer.**", "text.transformer.**"),
    ROW("ln_final.**", "text.ln_final.**"),
    ROW("text_projection", "text.text_projection"),
    END
};

/* open_clip with "custom_text". */
static const struct cclip_layout_row text[] = { ROW("text.**", "text.**"), END };

/* open_clip's image tower made by timm: its SigLIP Vision Transformers. */
#define TRUNK "visual.trunk."
#define RESBLOCK "visual.transformer.resblocks.*."
static const struct cclip_layout_row timm_trunk[] = {
    CHANGED(TRUNK "pos_embed", "visual.positional_embedding", CCLIP_LEADING_ONE),
    LAYER(TRUNK "patch_embed.proj", "visual.conv1"),
    LAYER(TRUNK "blocks.*.norm1", RESBLOCK "ln_1"),
    ROW(TRUNK "blocks.*.attn.qkv.weight", RESBLOCK "attn.in_proj_weight"),
    ROW(TRUNK "blocks.*.attn.qkv.bias", RESBLOCK "attn.in_proj_bias"),
    LAYER(TRUNK "blocks.*.attn.proj", RESBLOCK "attn.out_proj"),
    LAYER(TRUNK "blocks.*.norm2", RESBLOCK "ln_2"),
    LAYER(TRUNK "blocks.*.mlp.fc1", RESBLOCK "mlp.c_fc"),
    LAYER(TRUNK "blocks.*.mlp.fc2", RESBLOCK "mlp.c_proj"),
    LAYER(TRUNK "norm", "visual.ln_post"),
    ROW(TRUNK "attn_pool.latent", "visual.attn_pool.latent"),
    PROJECTION(TRUNK "attn_pool.q", "visual.attn_pool.", 0, 1),
    PROJECTION(TRUNK "attn_pool.kv", "visual.attn_pool.", 1, 3),
    LAYER(TRUNK "attn_pool.proj", "visual.attn_pool.out_proj"),
    LAYER(TRUNK "attn_pool.norm", "visual.attn_pool.norm"),
    LAYER(TRUNK "attn_pool.mlp.fc1", "visual.attn_pool.mlp.c_fc"),
    LAYER(TRUNK "attn_pool.mlp.fc2", "visual.attn_pool.mlp.c_proj"),
    END
};

/* transformers' towers, the same for CLIP and SigLIP. */
#define BLOCKS(theirs, ours)                                                                       \
    PROJECTION(theirs "self_attn.q_proj", ours "attn.", 0, 1),                                     \
        PROJECTION(theirs "self_attn.k_proj", ours "attn.", 1, 2),                                 \
        PROJECTION(theirs "self_attn.v_proj", ours "attn.", 2, 3),                                 \
        LAYER(theirs "self_attn.out_proj", ours "attn.out_proj"),                                  \
        LAYER(theirs "layer_norm1", ours "ln_1"), LAYER(theirs "layer_norm2", ours "ln_2"),        \
        LAYER(theirs "mlp.fc1", ours "mlp.c_fc"), LAYER(theirs "mlp.fc2", ours "mlp.c_proj")
static const struct cclip_layout_row hugging_face_towers[] = {
    ROW("text_model.embeddings.token_embedding.weight", "text.token_embedding.weight"),
    ROW("text_model.embeddings.position_embedding.weight", "text.positional_embedding"),
    BLOCKS("text_model.encoder.layers.*.", "text.transformer.resblocks.*."),
    LAYER("text_model.final_layer_norm", "text.ln_final"),
    LAYER("vision_model.embeddings.patch_embedding", "visual.conv1"),
    ROW("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
    BLOCKS("vision_model.encoder.layers.*.", RESBLOCK),
    LAYER("vision_model.post_layernorm", "visual.ln_post"),
    END
};
static const struct cclip_layout_row hugging_face_clip[] = {
    CHANGED("logit_scale", "logit_scale", CCLIP_SCALAR),
    ROW("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    LAYER("vision_model.pre_layrnorm", "visual.ln_pre"), /* sic */
    CHANGED("visual_projection.weight", "visual.proj", CCLIP_TRANSPOSED),
    CHANGED("text_projection.weight", "text.text_projection", CCLIP_TRANSPOSED),
    END
};
#define HEAD "vision_model.head."
static const struct cclip_layout_row hugging_face_siglip[] = {
    CHANGED("logit_scale", "logit_scale", CCLIP_ONE_ELEMENT),
    CHANGED("logit_bias", "logit_bias", CCLIP_ONE_ELEMENT),
    LAYER("text_model.head", "text.text_projection"),
    ROW(HEAD "probe", "visual.attn_pool.latent"),
    ROW(HEAD "attention.in_proj_weight", "visual.attn_pool.in_proj_weight"),
    ROW(HEAD "attention.in_proj_bias", "visual.attn_pool.in_proj_bias"),
    LAYER(HEAD "attention.out_proj", "visual.attn_pool.out_proj"),
    LAYER(HEAD "layernorm", "visual.attn_pool.norm"),
    LAYER(HEAD "mlp.fc1", "visual.attn_pool.mlp.c_fc"),
    LAYER(HEAD "mlp.fc2", "visual.attn_pool.mlp.c_proj"),
    END
};

/* clip.cpp's GGUF files. Its first layer of an MLP is ffn_down and its second ffn_up. */
#define GGUF_BLOCKS(theirs, ours)                                                                  \
    PROJECTION(theirs "attn_q", ours "attn.", 0, 1),                                               \
        PROJECTION(theirs "attn_k", ours "attn.", 1, 2),                                           \
        PROJECTION(theirs "attn_v", ours "attn.", 2, 3),                                           \
        LAYER(theirs "attn_out", ours "attn.out_proj"), LAYER(theirs "ln1", ours "ln_1"),          \
        LAYER(theirs "ln2", ours "ln_2"), LAYER(theirs "ffn_down", ours "mlp.c_fc"),               \
        LAYER(theirs "ffn_up", ours "mlp.c_proj")
static const struct cclip_layout_row clip_cpp[] = {
    ROW("t.token_embd.weight", "text.token_embedding.weight"),
    ROW("t.position_embd.weight", "text.positional_embedding"),
    GGUF_BLOCKS("t.blk.*.", "text.transformer.resblocks.*."),
    LAYER("t.post_ln", "text.ln_final"),
    CHANGED("text_projection.weight", "text.text_projection", CCLIP_TRANSPOSED),
    ROW("v.class_embd", "visual.class_embedding"),
    ROW("v.patch_embd.weight", "visual.conv1.weight"),
    ROW("v.position_embd.weight", "visual.positional_embedding"),
    LAYER("v.pre_ln", "visual.ln_pre"),
    GGUF_BLOCKS("v.blk.*.", RESBLOCK),
    LAYER("v.post_ln", "visual.ln_post"),
    CHANGED("visual_projection.weight", "visual.proj", CCLIP_TRANSPOSED),
    END
};

enum { MOST_TABLES = 4 };
struct cclip_layout {
    const char *name, *mark;
    const struct cclip_layout_row *tables[MOST_TABLES]; /* the first row that fits counts */
};

/* What is more special stands first: a SigLIP file has all marks of a CLIP file. */
static const struct cclip_layout layouts[] = {
    { "open_clip_timm", TRUNK, { timm_trunk, scalars, text, plain_text } },
    { "open_clip", "text.", { visual, scalars, text } },
    { "hf_siglip", HEAD, { hugging_face_towers, hugging_face_siglip } },
    { "hf_clip", "vision_model.", { hugging_face_towers, hugging_face_clip } },
    { "clip.cpp", "v.", { clip_cpp } },
    { "openai", "visual.", { visual, scalars, plain_text } },
};

const struct cclip_layout *cclip_layout_at(size_t index)
{
    return index < sizeof layouts / sizeof layouts[0] ? &layouts[index] : NULL;
}

const struct cclip_layout *cclip_layout_find(const char *name)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (!strcmp(layouts[i].name, name))
            return &layouts[i];
    return NULL;
}

const char *cclip_layout_name(const struct cclip_layout *layout)
{
    return layout->name;
}

const char *cclip_layout_mark(const struct cclip_layout *layout)
{
    return layout->mark;
}

/* What a pattern's star stands for. */
struct capture {
    const char *text;
    size_t length;
};

/* True when `name` is the pattern with a number (or any rest) for its star. */
static int fits(const char *pattern, const char *name, struct capture *capture)
{
    const char *star = strchr(pattern, '*');
    *capture = (struct capture){ "", 0 };
    if (!star)
        return !strcmp(pattern, name);
    const size_t before = (size_t)(star - pattern);
    if (strncmp(pattern, name, before))
        return 0;
    capture->text = name + before;
    if (star[1] == '*') {
        capture->length = strlen(capture->text);
        return capture->length > 0;
    }
    capture->length = strspn(capture->text, "0123456789");
    return capture->length > 0 && !strcmp(star + 1, capture->text + capture->length);
}

/* The pattern with the captured text for its star; false if it does not fit. */
static int fill(char *out, const char *pattern, const struct capture *capture)
{
    const char *star = strchr(pattern, '*');
    const char *before_end = star ? star : pattern + strlen(pattern);
    const int length = snprintf(out, CCLIP_LAYOUT_NAME, "%.*s%.*s%s", (int)(before_end - pattern),
                                pattern, (int)capture->length, capture->text,
                                star ? star + strspn(star, "*") : "");
    return length > 0 && length < CCLIP_LAYOUT_NAME;
}

const struct cclip_layout_row *cclip_layout_to_ours(const struct cclip_layout *layout,
                                                    const char *theirs, char *ours)
{
    struct capture capture;
    if (strlen(theirs) >= CCLIP_LAYOUT_NAME)
        return NULL;
    for (int t = 0; t < MOST_TABLES && layout->tables[t]; t++)
        for (const struct cclip_layout_row *row = layout->tables[t]; row->theirs; row++)
            if (fits(row->theirs, theirs, &capture))
                return fill(ours, row->ours, &capture) ? row : NULL;
    return NULL;
}

int cclip_layout_to_theirs(const struct cclip_layout *layout, const char *ours,
                           struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS])
{
    struct capture capture;
    int count = 0;
    if (strlen(ours) >= CCLIP_LAYOUT_NAME)
        return 0;
    for (int t = 0; t < MOST_TABLES && layout->tables[t]; t++)
        for (const struct cclip_layout_row *row = layout->tables[t]; row->theirs; row++) {
            if (count == CCLIP_LAYOUT_PARTS || !fits(row->ours, ours, &capture))
                continue;
            if (!fill(parts[count].theirs, row->theirs, &capture))
                return 0;
            parts[count++].row = row;
            if (!row->of || row->end == row->of)
                return count;
        }
    return 0;
}

static int ends_in(const char *name, const char *last)
{
    const char *dot = strrchr(name, '.');
    return !strcmp(dot ? dot + 1 : name, last);
}

int cclip_layout_is_batch_count(const char *name)
{
    return ends_in(name, "num_batches_tracked");
}

int cclip_layout_is_buffer(const char *name)
{
    static const char *const buffers[] = { "num_batches_tracked", "attn_mask", "position_ids",
                                           "input_resolution", "context_length", "vocab_size" };
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (ends_in(name, buffers[i]))
            return 1;
    return 0;
}
