/* A batch larger than memory, with the gradient of the whole ("Combined Scaling for Open-vocabulary Image
 * Classification", Pham et al. 2021, GradAccum; open_clip's --accum-freq does it too).
 *
 * A contrastive loss needs all embeddings of the batch at once, but each embedding needs its own pair only.
 * So every micro-batch is embedded without a tape; the loss over all rows gives the gradient of every row;
 * then each micro-batch goes forward once more with a tape, and back from its rows' gradients. The first
 * micro-batch keeps its tape from the beginning, so k of them cost k - 1 additional forward passes.
 *
 * The gradient is that of the whole batch but for the order of sums. What differs is batch norm in training
 * mode: its statistics are those of a micro-batch (as on separate machines without synchronised norms), and
 * the running ones move once a micro-batch, in order. */
#ifndef CCLIP_TRAIN_ACCUMULATE_H
#define CCLIP_TRAIN_ACCUMULATE_H

#include "train/step.h"

/* cclip_train_gradients, `micro` pairs at a time; the last micro-batch may be smaller. 0, or no fewer than
 * the batch: all at once. */
cclip_status cclip_train_accumulate(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                                    const struct cclip_train_batch *batch, size_t micro,
                                    struct cclip_arena *arena, int training, double *loss);

#endif
