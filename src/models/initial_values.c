#include "models/initial_values.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

/* How a tensor's values are drawn. `scale` below is a number, or a function of the model's sizes. */
enum kind { CONSTANT, NORMAL, UNIFORM };

/* What the deviation, bound or constant is. W is the tower's width, L its number of layers. */
enum scale {
    ZERO,
    ONE,
    LOG_TEN,
    HUNDREDTH,        /* 0.01 */
    FIFTIETH,         /* 0.02 */
    WIDTH,            /* W^-1/2 */
    HEAD_WIDTH,       /* (W / heads)^-1/2 */
    ATTENTION_OUTPUT, /* W^-1/2 (2 L)^-1/2 */
    MLP_INPUT,        /* (2 W)^-1/2 */
    FAN_IN,           /* (inputs of a row)^-1/2: PyTorch's Linear and Conv2d, a = sqrt 5 */
    XAVIER,           /* (6 / (rows + columns))^1/2: PyTorch's MultiheadAttention */
    LAYER_SCALE,
    LOGIT_SCALE,
    LOGIT_BIAS
};

/* The first row whose beginning and end a name has is its rule. */
static const struct rule {
    const char *begin, *end;
    enum kind kind;
    enum scale scale;
} rules[] = {
    { "logit_scale", "", CONSTANT, LOGIT_SCALE },
    { "logit_bias", "", CONSTANT, LOGIT_BIAS },
    { "", ".gamma", CONSTANT, LAYER_SCALE },
    { "", ".running_mean", CONSTANT, ZERO },
    { "", ".running_var", CONSTANT, ONE },
    { "", ".in_proj_bias", CONSTANT, ZERO },
    { "", ".attn.out_proj.bias", CONSTANT, ZERO },

    { "text.token_embedding.weight", "", NORMAL, FIFTIETH },
    { "text.positional_embedding", "", NORMAL, HUNDREDTH },
    { "text.cls_emb", "", NORMAL, HUNDREDTH },
    { "text.text_projection", ".bias", CONSTANT, ZERO },
    { "text.text_projection", "", NORMAL, WIDTH },
    { "text.transformer.", ".attn.in_proj_weight", NORMAL, WIDTH },
    { "text.transformer.", ".attn.out_proj.weight", NORMAL, ATTENTION_OUTPUT },
    { "text.transformer.", ".mlp.c_fc.weight", NORMAL, MLP_INPUT },
    { "text.transformer.", ".mlp.c_proj.weight", NORMAL, ATTENTION_OUTPUT },

    { "visual.class_embedding", "", NORMAL, WIDTH },
    { "visual.positional_embedding", "", NORMAL, WIDTH },
    { "visual.proj", "", NORMAL, WIDTH },
    { "visual.attnpool.positional_embedding", "", NORMAL, WIDTH },
    { "visual.attnpool.", ".weight", NORMAL, WIDTH },
    { "visual.transformer.", ".attn.in_proj_weight", UNIFORM, XAVIER },
    { "visual.layer", ".bn3.weight", CONSTANT, ZERO }, /* each block begins as the identity */
};

/* Before those, in a tower of open_clip's custom blocks. */
static const struct rule custom_rules[] = {
    { "", ".attn.logit_scale", CONSTANT, LOG_TEN },
    { "", ".attn.head_scale", CONSTANT, ONE },
    { "", ".attn.out_proj.bias", UNIFORM, FAN_IN },
    { "visual.transformer.", ".attn.in_proj_weight", NORMAL, HEAD_WIDTH },
};

static const struct rule norm_weight = { "", "", CONSTANT, ONE };
static const struct rule norm_bias = { "", "", CONSTANT, ZERO };
static const struct rule layer = { "", "", UNIFORM, FAN_IN }; /* weights and biases */

static int ends(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && !strcmp(name + length - tail, end);
}

/* The tensor of the same layer called `last`; NULL if there is none. */
static const struct cclip_trainable *sibling(const struct cclip_trainables *set,
                                             const struct cclip_trainable *item, const char *last)
{
    char name[256];
    const char *dot = strrchr(item->name, '.');
    if (!dot)
        return NULL;
    snprintf(name, sizeof name, "%.*s.%s", (int)(dot - item->name), item->name, last);
    return cclip_trainables_find(set, name);
}

static const struct rule *find_rule(const struct rule *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strncmp(name, table[i].begin, strlen(table[i].begin)) && ends(name, table[i].end))
            return &table[i];
    return NULL;
}

static const struct rule *rule_of(const struct cclip_trainables *set,
                                  const struct cclip_trainable *item, int custom)
{
    const struct rule *rule = NULL;
    if (custom)
        rule = find_rule(custom_rules, sizeof custom_rules / sizeof custom_rules[0], item->name);
    if (!rule)
        rule = find_rule(rules, sizeof rules / sizeof rules[0], item->name);
    if (rule)
        return rule;
    const struct cclip_trainable *weight = sibling(set, item, "weight");
    if (!weight || weight->rank != 1)
        return &layer;
    return ends(item->name, ".bias") ? &norm_bias : &norm_weight;
}

static size_t fan_in(const struct cclip_trainables *set, const struct cclip_trainable *item)
{
    const struct cclip_trainable *weight = item->rank > 1 ? item : sibling(set, item, "weight");
    return weight && weight->rank > 1 && weight->shape[0] ? weight->count / weight->shape[0] : 1;
}

static int is_image(const struct cclip_trainable *item)
{
    return !strncmp(item->name, "visual.", 7);
}

static const struct cclip_transformer_config *tower_of(const struct cclip_trainable *item,
                                                       const struct cclip_config *config)
{
    return is_image(item) ? &config->vision.transformer : &config->text.transformer;
}

static double scale_of(const struct rule *rule, const struct cclip_trainables *set,
                       const struct cclip_trainable *item, const struct cclip_config *config,
                       const struct cclip_initial_numbers *numbers)
{
    const int image = is_image(item);
    const int resnet = image && config->vision.kind == CCLIP_MODIFIED_RESNET;
    const struct cclip_transformer_config *tower = tower_of(item, config);
    const double width = resnet ? 32.0 * (double)config->vision.stem_width : (double)tower->width;
    const double layers = (double)tower->layers;
    switch (rule->scale) {
    case ONE:
        return 1;
    case LOG_TEN:
        return log(10);
    case HUNDREDTH:
        return 0.01;
    case FIFTIETH:
        return 0.02;
    case WIDTH:
        return 1 / sqrt(width);
    case HEAD_WIDTH:
        return sqrt((double)tower->heads / width);
    case ATTENTION_OUTPUT:
        return 1 / sqrt(width) / sqrt(2 * layers);
    case MLP_INPUT:
        return 1 / sqrt(2 * width);
    case FAN_IN:
        return 1 / sqrt((double)fan_in(set, item));
    case XAVIER:
        return sqrt(6.0 / (double)(item->shape[0] + item->shape[1]));
    case LAYER_SCALE:
        return numbers->layer_scale[!image];
    case LOGIT_SCALE:
        return numbers->logit_scale;
    case LOGIT_BIAS:
        return numbers->logit_bias;
    case ZERO:
        break;
    }
    return 0;
}

void cclip_initial_values(struct cclip_trainables *set, const struct cclip_config *config,
                          const struct cclip_initial_numbers *numbers, uint64_t seed)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct cclip_trainable *item = &set->items[i];
        const struct rule *rule =
            rule_of(set, item, cclip_transformer_is_custom(tower_of(item, config)));
        const double scale = scale_of(rule, set, item, config, numbers);
        float *value = set->values + item->begin;
        struct cclip_random random;
        cclip_random_seed(&random, seed, i);
        for (size_t k = 0; k < item->count; k++) {
            const double drawn = rule->kind == NORMAL    ? cclip_random_normal(&random)
                                 : rule->kind == UNIFORM ? 2 * cclip_random_uniform(&random) - 1
                                                         : 1;
            value[k] = (float)(scale * drawn);
        }
    }
}
