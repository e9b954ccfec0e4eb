/* Checkpoints of a run: folders from which it goes on bit for bit as if it had not been interrupted.
 *
 *     checkpoints/step_200/
 *         model.safetensors + open_clip_config.json + vocabulary: any verb takes the folder as --model
 *         optimizer.safetensors: NAME.exp_avg and NAME.exp_avg_sq of each parameter that learns
 *         ema.safetensors: the moving average of the weights, in runs that keep one
 *         state.json: how far the run is, what its position in the data depends on, the files' checksums
 *
 * A folder is written under a temporary name, synced and renamed: one that is there is whole. Nothing random
 * has a state of its own: order and augmentation of the data follow from seed and position. */
#ifndef CCLIP_TRAIN_TRAIN_CHECKPOINT_H
#define CCLIP_TRAIN_TRAIN_CHECKPOINT_H

#include "base/buffer.h"
#include "models/learner.h"
#include "train/adamw.h"
#include "train/ema.h"

enum { CCLIP_CHECKPOINT_FILES = 3 }; /* of values: model, optimizer, ema */

struct cclip_train_state {
    uint64_t step;  /* steps done */
    uint64_t epoch, step_in_epoch; /* of the next step */
    uint64_t optimizer_steps;
    int64_t batches; /* what batch norms have seen */
    /* What the position means: a run that goes on must have the same. */
    uint64_t seed, batch_size, steps_an_epoch;
    uint64_t ema_updates; /* of the moving average; 0: the checkpoint has none */
    uint64_t data; /* fingerprint of the training data; 0: not known */
    uint64_t checksums[CCLIP_CHECKPOINT_FILES]; /* CRC-32 of the files of values, as far as known; 0: not. The writer
                                                 * works them out */
    char *model; /* of --model, for weights of the beginning (WiSE-FT); new memory when read */
};

/* Writes FOLDER/step_N; one that is there, of an earlier run, is replaced. `model` is the learner's
 * (cclip_models_open_learner), `ema` may be NULL. `*path` is new memory, NULL on failure. */
cclip_status cclip_train_checkpoint_write(char **path, const char *folder,
                                          const struct cclip_model *model,
                                          const struct cclip_trainables *set,
                                          const struct cclip_adamw *adamw,
                                          const struct cclip_ema *ema,
                                          const struct cclip_train_state *state);

/* Only state.json. */
cclip_status cclip_train_checkpoint_state(struct cclip_train_state *out, const char *path);
void cclip_train_state_close(struct cclip_train_state *state);

/* Puts weights and averages into a learner and an optimiser of the same model. Which parameters are frozen
 * must have been decided. A file that is not what was written fails with CCLIP_ERROR_FORMAT before anything is put.
 * `ema` may be NULL; it begins at the weights where the checkpoint has none, as its
 * state says. */
cclip_status cclip_train_checkpoint_read(const char *path, const struct cclip_train_state *state,
                                         struct cclip_trainables *set, struct cclip_adamw *adamw,
                                         struct cclip_ema *ema);

/* The one with most steps in FOLDER, of those with fewer than `*steps`, which becomes its own; in new memory; NULL if
 * there is none or no such folder. What an interrupted run left half written is removed. */
cclip_status cclip_train_checkpoint_latest(char **path, uint64_t *steps, const char *folder);

/* Renames those of FOLDER with more than `steps` steps to set_aside_step_N, and puts a line about each into `notes`: a
 * run that went back must not take them for its own later. */
cclip_status cclip_train_checkpoints_set_aside(struct cclip_buffer *notes, const char *folder, uint64_t steps);

#endif
