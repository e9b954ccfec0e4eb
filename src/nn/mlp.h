/* Two linear layers with an activation between; open_clip's custom blocks add a layer norm there. */
#ifndef CCLIP_NN_MLP_H
#define CCLIP_NN_MLP_H

#include "nn/layer_norm.h"
#include "nn/linear.h"

struct cclip_mlp {
    struct cclip_linear c_fc, c_proj; /* [hidden, width], [width, hidden] */
    struct cclip_layer_norm ln;       /* over `hidden`, if has_norm */
    size_t hidden;
    enum cclip_activation activation;
    int has_norm;
};

/* "PREFIX.c_fc.*", "PREFIX.c_proj.*" and, with `has_norm`, "PREFIX.ln.*". */
void cclip_mlp_load(struct cclip_mlp *layer, struct cclip_parameters *p, const char *prefix,
                    size_t width, size_t hidden, enum cclip_activation activation, int has_norm,
                    float epsilon);

/* `work` has room for [rows, hidden]. With a tape, out NULL: only what the backward pass needs is computed,
 * and `work` is not used. */
void cclip_mlp_forward(const struct cclip_mlp *layer, struct cclip_forward *forward, float *out,
                       const float *in, size_t rows, float *work,
                       const struct cclip_epilogue *epilogue);

/* y = c_proj(ln(activation(c_fc(x)))) scale, scale a parameter or NULL, ln an option. `in` is the forward's. */
void cclip_mlp_backward(const struct cclip_mlp *layer, struct cclip_backward *backward, float *d_in,
                        const float *d_out, const float *in, size_t rows, const float *scale);

#endif
