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

struct kept {
    float *middle; /* [rows, hidden]: c_fc's output before the activation, which is computed anew */
};

void cclip_mlp_forward(const struct cclip_mlp *layer, struct cclip_forward *forward, float *out,
                       const float *in, size_t rows, float *work,
                       const struct cclip_epilogue *epilogue)
{
    const struct cclip_epilogue activated = { .activation = layer->activation };
    if (forward->tape) {
        const struct kept kept = { cclip_forward_floats(forward, rows, layer->hidden) };
        cclip_linear_forward(&layer->c_fc, forward, kept.middle, in, rows, NULL);
        cclip_tape_push(forward, layer, &kept, sizeof kept);
        if (!out)
            return;
        forward->device->ops->activation(forward->device, work, kept.middle, rows * layer->hidden,
                                         layer->activation);
    } else {
        cclip_linear_forward(&layer->c_fc, forward, work, in, rows, &activated);
    }
    if (layer->has_norm)
        cclip_layer_norm_forward(&layer->ln, forward, work, work, rows);
    cclip_linear_forward(&layer->c_proj, forward, out, work, rows, epilogue);
}

/* y = c_proj(ln(activated)) scale: d activated, dW and db of c_proj, and the options' own. */
static void projection_backward(const struct cclip_mlp *layer, struct cclip_backward *backward,
                                float *d_activated, const float *d_out, const float *activated,
                                size_t rows, const float *scale)
{
    if (!layer->has_norm) {
        cclip_linear_scaled_backward(&layer->c_proj, scale, backward, d_activated, d_out, activated,
                                     rows);
        return;
    }
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&layer->ln, backward, activated, rows);
    cclip_linear_scaled_backward(&layer->c_proj, scale, backward, d_activated, d_out, again.out, rows);
    cclip_layer_norm_backward(&layer->ln, backward, d_activated, d_activated, activated, &again, NULL,
                              rows);
}

void cclip_mlp_backward(const struct cclip_mlp *layer, struct cclip_backward *backward, float *d_in,
                        const float *d_out, const float *in, size_t rows, const float *scale)
{
    struct kept kept;
    const size_t hidden = layer->hidden;
    cclip_tape_pop(backward, layer, &kept, sizeof kept);
    const int first = scale || layer->has_norm; /* the activation, before its gradient */
    float *activated = first ? cclip_backward_floats(backward, rows, hidden) : kept.middle;
    float *d_middle = cclip_backward_floats(backward, rows, hidden);
    struct cclip_device *device = backward->device;
    if (first) { /* a gradient needs what c_proj got */
        device->ops->activation(device, activated, kept.middle, rows * hidden, layer->activation);
        projection_backward(layer, backward, d_middle, d_out, activated, rows, scale);
    } else { /* d activated */
        cclip_linear_input_backward(&layer->c_proj, backward, d_middle, d_out, rows, NULL);
    }
    /* d middle = d activated * activation'(middle), and in the same pass the activation, over what it is of */
    device->ops->activation_backward(device, d_middle, first ? NULL : activated, d_middle, kept.middle,
                                     rows * hidden, layer->activation);
    if (!first) /* dW and db of c_proj */
        cclip_linear_parameters_backward(&layer->c_proj, backward, d_out, activated, rows);
    /* d in, dW and db of c_fc */
    cclip_linear_backward(&layer->c_fc, backward, d_in, d_middle, in, rows, NULL);
}
