/* What a batch of pairs costs, and its gradients with respect to both embeddings, the logit scale and the
 * bias. Pair i is row i of both; every other combination is a mismatch, unless `groups` says otherwise. */
#ifndef CCLIP_TRAIN_LOSSES_H
#define CCLIP_TRAIN_LOSSES_H

#include "base/arena.h"
#include "distributed/communicator.h"
#include "tensor/backend.h"

/* What a larger model makes of the same pairs. */
struct cclip_teacher {
    const float *embeddings[2]; /* images, texts: device memory, normalised [count, dim] */
    size_t dim;                 /* of its own */
    float logit_scale;          /* the logarithm */
};

struct cclip_pairs {
    const float *embeddings[2]; /* images, texts: device memory, normalised [count, dim] */
    size_t count, dim;
    float logit_scale; /* as learned: the logarithm */
    float logit_bias;  /* sigmoid loss only */
    const size_t *groups; /* [count] or NULL: pairs of one group match each other too, those of other
                             ranks too: there a group must be the same number everywhere */
    struct cclip_communicator *ranks; /* NULL: one. Else each has `count` pairs of the batch: rank r those from
                                         r * count on. All make the same call */
    const struct cclip_teacher *teacher; /* distillation only */
};

struct cclip_loss {
    double value; /* of the whole batch, the same on all ranks */
    double d_logit_scale, d_logit_bias; /* this rank's share: the sum over ranks is the gradient */
    float *d_embeddings[2]; /* whole, of own rows; device memory of the arena, [count, dim] */
};

/* One call; scratch and gradients live in `arena`. */
typedef cclip_status cclip_loss_fn(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                   struct cclip_device *device, struct cclip_arena *arena);

/* Mean of the two cross entropies, of an image's logits over all texts and of a text's over all images,
 * with logits exp(logit_scale) cos. With groups the target is even over the matches. */
cclip_loss_fn cclip_contrastive_loss;

/* SigLIP: the sum over all pairs of -log sigmoid(z (exp(logit_scale) cos + bias)), z = 1 for a match and
 * -1 for a mismatch, over the number of rows. */
cclip_loss_fn cclip_sigmoid_loss;

/* The contrastive loss plus the mean over both directions of the cross entropy between the teacher's
 * softmax and the student's, as open_clip's DistillClipLoss ("TinyCLIP", Wu et al. 2023, affinity mimicking):
 *   (1 / 2n) sum over i of -sum over j of p_ij log q_ij, p and q softmax of the teacher's and the student's
 * logits of image i over all texts; likewise for texts. Without a teacher: CCLIP_ERROR_ARGUMENT. */
cclip_loss_fn cclip_distillation_loss;

#endif
