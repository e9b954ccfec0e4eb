/** @file
 * cclip: CLIP in C. This header includes all others.
 *
 *     cclip_model *model;  cclip_session *session;
 *     if (cclip_model_open(&model, NULL, NULL) || cclip_session_open(&session, model, NULL))
 *         fprintf(stderr, "%s\n", cclip_error_message());
 *
 * Objects are opened and closed in pairs; close takes the address and sets it to NULL. Outputs come
 * first. A call that fails returns a negative status and leaves the outputs NULL or untouched. */
#ifndef CCLIP_CCLIP_H
#define CCLIP_CCLIP_H

#include <cclip/bench.h>
#include <cclip/checkpoint.h>
#include <cclip/curate.h>
#include <cclip/evaluate.h>
#include <cclip/hub.h>
#include <cclip/image.h>
#include <cclip/model.h>
#include <cclip/probe.h>
#include <cclip/report.h>
#include <cclip/runtime.h>
#include <cclip/status.h>
#include <cclip/tokenizer.h>
#include <cclip/train.h>
#include <cclip/version.h>
#include <cclip/zero_shot.h>

#endif
