/** @file
 * This machine's speed on a model. */
#ifndef CCLIP_BENCH_H
#define CCLIP_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is measured. */
typedef enum cclip_bench_kind {
    CCLIP_BENCH_IMAGES = 0, /**< the image tower on preprocessed pictures */
    CCLIP_BENCH_TEXTS = 1   /**< the text tower on texts of `tokens` tokens */
} cclip_bench_kind;

/** What was measured. */
typedef struct cclip_bench_result {
    uint32_t version;        /**< set by the caller to CCLIP_BENCH_RESULT_VERSION */
    double per_second;       /**< inputs a second, best repetition */
    double gflops;           /**< floating-point operations a second in the matrix products, 1e9 */
    double peak_gflops;      /**< what a loop of multiply-adds in registers reaches here on these threads */
    double percent_of_peak;  /**< gflops as a share of peak_gflops, 100 is all */
} cclip_bench_result;
/** Goes into `version` of cclip_bench_result. */
#define CCLIP_BENCH_RESULT_VERSION 1

/** Runs `batch` inputs at a time for about `seconds`; `tokens` counts start and end token. */
CCLIP_API cclip_status cclip_bench(cclip_bench_result *out, cclip_session *session,
                                   cclip_bench_kind kind, size_t batch, size_t tokens,
                                   double seconds);

#ifdef __cplusplus
}
#endif
#endif
