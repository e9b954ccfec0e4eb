/* Floating-point operations (a multiply and an add count two) in a model's matrix products. */
#ifndef CCLIP_MODELS_OPERATIONS_H
#define CCLIP_MODELS_OPERATIONS_H

#include "models/config.h"

double cclip_image_operations(const struct cclip_config *config);              /* of one picture */
double cclip_text_operations(const struct cclip_config *config, size_t tokens); /* of one text */

#endif
