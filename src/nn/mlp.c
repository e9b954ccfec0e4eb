#include "nn/mlp.h"

#include <stdio.h>

void cclip_mlp_load(struct cclip_mlp *layer, struct cclip_parameters *p, const char *prefix,
                    size_t width, size_t hidden, enum cclip_activation activation, int has_norm,
                    float epsilon)
{
    char name[160];
    *layer = (struct cclip_mlp){ .hidden = hidden, .activation = activation, .has_norm = has_norm };
    snprintf(name, sizeof name, "%s.c_fc", prefix);
    cclip_linear_load(&layer->c_fc, p, name, hidden, width, 1);
    if (has_norm) {
        snprintf(name, sizeof name, "%s.ln", prefix);
        cclip_layer_norm_load(&layer->ln, p, name, hidden, epsilon);
    }
    snprintf(name, sizeof name, "%s.c_proj", prefix);
    cclip_linear_load(&layer->c_proj, p, name, width, hidden, 1);
}

void cclip_mlp_forward(const struct cclip_mlp *layer, struct cclip_forward *forward, float *out,
                       const float *in, size_t rows, float *work,
                       const struct cclip_epilogue *epilogue)
{
    const struct cclip_epilogue activated = { .activation = layer->activation };
    cclip_linear_forward(&layer->c_fc, forward, work, in, rows, &activated);
    if (layer->has_norm)
        cclip_layer_norm_forward(&layer->ln, forward, work, work, rows);
    cclip_linear_forward(&layer->c_proj, forward, out, work, rows, epilogue);
}
