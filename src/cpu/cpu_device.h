/* The CPU device: every operation of tensor/backend.h in plain C, and faster variants of those
 * where the time goes, chosen once when the device is opened. */
#ifndef CCLIP_CPU_CPU_DEVICE_H
#define CCLIP_CPU_CPU_DEVICE_H

#include "base/thread_pool.h"
#include "tensor/backend.h"

/* Fills `*out`. `pool` may be NULL (one thread), stays the caller's and must outlive the device.
 * `cpu_features` is a set of enum cclip_cpu_feature, usually cclip_cpu_features(); bits this build
 * or CPU has no variant for are ignored. A matrix prepared by one CPU device serves every CPU
 * device opened with the same features. On failure `*out` is all zero. */
cclip_status cclip_cpu_device_open(struct cclip_device *out, struct cclip_thread_pool *pool,
                                   unsigned cpu_features);
/* Frees the scratch; prepared matrices and allocations stay valid. A closed device is fine. */
void cclip_cpu_device_close(struct cclip_device *device);

/* "product avx512, attention avx512, ...": which variant of each family the features select. Cuts
 * what does not fit; returns `text`. */
char *cclip_cpu_variants(char *text, size_t size, unsigned cpu_features);

#endif
