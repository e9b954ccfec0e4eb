/* The same product by oneDNN with weights in its own packed form; every call gives NULL or does
 * nothing where the library was not found. */
#ifndef CCLIP_BENCHMARKS_PEER_DNNL_H
#define CCLIP_BENCHMARKS_PEER_DNNL_H

#include <stddef.h>

struct peer_dnnl;

extern const char *const peer_dnnl_name;
/* `weight` is [columns, depth]. */
struct peer_dnnl *peer_dnnl_open(size_t rows, size_t columns, size_t depth, float *in,
                                 float *weight, float *out, int threads);
void peer_dnnl_run(struct peer_dnnl *peer);
void peer_dnnl_close(struct peer_dnnl *peer);

#endif
