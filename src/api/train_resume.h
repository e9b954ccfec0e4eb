/* A run that goes on: from which checkpoint, and what is not as it was. */
#ifndef CCLIP_API_TRAIN_RESUME_H
#define CCLIP_API_TRAIN_RESUME_H

#include "api/training.h"

/* Where the options ask for it, rank 0 takes weights, optimiser and position from a checkpoint. "latest" passes over
 * a checkpoint that is damaged, to the newest one before it that is whole. */
cclip_status cclip_training_resume(struct cclip_training *t);

/* To the log, once there is one: where the run goes on, and a warning for each thing that is not as it was. */
void cclip_training_tell_resumed(struct cclip_training *t);

#endif
