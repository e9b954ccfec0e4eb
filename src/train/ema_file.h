/* A moving average beside the checkpoint it belongs to: ema.safetensors, a tensor for each parameter and
 * running statistic under its own name. */
#ifndef CCLIP_TRAIN_EMA_FILE_H
#define CCLIP_TRAIN_EMA_FILE_H

#include "train/ema.h"

cclip_status cclip_ema_write(const char *path, const struct cclip_trainables *set,
                             const struct cclip_ema *ema);
/* Of the same model, with the same names in the same order. How often it was updated is the caller's. */
cclip_status cclip_ema_read(const char *path, const struct cclip_trainables *set,
                            struct cclip_ema *ema);

#endif
