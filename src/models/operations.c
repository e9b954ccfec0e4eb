#include "models/operations.h"

static double product(double rows, double columns, double depth)
{
    return 2 * rows * columns * depth;
}

/* A block whose `kept` rows of all `rows` go on. */
static double block(const struct cclip_transformer_config *t, double rows, double kept)
{
    const double width = (double)t->width, hidden = (double)t->mlp_width;
    const double projections = product(rows, 3 * width, width) + product(kept, width, width);
    const double mlp = product(kept, hidden, width) + product(kept, width, hidden);
    const double attention = 2 * product(kept, rows, width); /* scores, and their sum of values */
    return projections + mlp + attention;
}

/* The last block computes only the pooled row where one is pooled (nn/transformer.h). */
static double transformer(const struct cclip_transformer_config *t, double rows, int pools_one)
{
    return (double)(t->layers - 1) * block(t, rows, rows) + block(t, rows, pools_one ? 1 : rows);
}

static double resnet(const struct cclip_config *config)
{
    const struct cclip_vision_config *v = &config->vision;
    const double width = (double)v->stem_width;
    double cells = (double)(v->image_height * v->image_width) / 4;
    double sum = product(cells, width / 2, 27) + product(cells, width / 2, 9 * width / 2) +
                 product(cells, width, 9 * width / 2);
    double in = width;
    cells /= 4;
    for (int s = 0; s < 4; s++) {
        const double planes = width * (double)(1 << s);
        for (size_t i = 0; i < v->stage_blocks[s]; i++) {
            const int strided = s > 0 && i == 0;
            const double after = strided ? cells / 4 : cells;
            sum += product(cells, planes, in) + product(cells, planes, 9 * planes);
            sum += product(after, 4 * planes, planes);
            if (i == 0)
                sum += product(after, 4 * planes, in);
            in = 4 * planes;
            cells = after;
        }
    }
    const double tokens = cells + 1; /* attention pooling: keys and values of all, one query */
    return sum + product(tokens, 2 * in, in) + product(1, in, in) + 2 * product(1, tokens, in) +
           product(1, (double)config->embedding_dim, in);
}

double cclip_image_operations(const struct cclip_config *config)
{
    const struct cclip_vision_config *v = &config->vision;
    if (v->kind == CCLIP_MODIFIED_RESNET)
        return resnet(config);
    const size_t patches = v->image_height / v->patch_size * (v->image_width / v->patch_size);
    const double width = (double)v->transformer.width;
    const double patch = (double)(3 * v->patch_size * v->patch_size);
    return product((double)patches, width, patch) +
           transformer(&v->transformer, (double)(patches + (v->class_token ? 1 : 0)),
                       v->pool == CCLIP_POOL_CLASS_TOKEN && !v->pool_queries) +
           product(1, (double)config->embedding_dim, width);
}

double cclip_text_operations(const struct cclip_config *config, size_t tokens)
{
    const struct cclip_text_config *t = &config->text;
    const int whole = !t->causal || t->class_embedding || t->pool == CCLIP_POOL_LAST;
    const double rows = (double)(whole ? t->context_length : tokens);
    return transformer(&t->transformer, rows, !t->class_embedding) +
           product(1, (double)config->embedding_dim, (double)t->transformer.width);
}
