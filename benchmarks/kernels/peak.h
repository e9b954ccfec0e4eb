/* The limit that the benchmarks compare with: src/cpu/peak.h. */
#ifndef CCLIP_BENCHMARKS_PEAK_H
#define CCLIP_BENCHMARKS_PEAK_H

#include "cpu/peak.h"

#define peak_gflops cclip_cpu_peak_gflops

#endif
