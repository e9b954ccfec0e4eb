/* The machine's limit: multiply-adds on registers alone, at the widest vectors it has, on all threads
 * of a pool at once. A product cannot be faster. */
#ifndef CCLIP_CPU_PEAK_H
#define CCLIP_CPU_PEAK_H

#include "base/thread_pool.h"

/* GFLOP/s of all threads together, the best of several runs; 0 when it cannot be measured. */
double cclip_cpu_peak_gflops(struct cclip_thread_pool *pool);

#endif
