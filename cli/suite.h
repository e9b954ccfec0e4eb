/* evaluate --suite: many data sets, one model or several, one table. */
#ifndef CCLIP_CLI_SUITE_H
#define CCLIP_CLI_SUITE_H

#include "cli/command.h"

struct cclip_suite_request {
    const struct cclip_verb *verb;
    const struct cclip_common *common;
    const struct cclip_texts *models; /* none: the usual one */
    const char *suite, *output, *csv; /* the last two may be NULL */
    cclip_evaluate_options options;   /* with the intervals */
};

/* Returns the exit status: CCLIP_EXIT_SKIPPED where sets failed or samples were left out. */
int cclip_suite_run(const struct cclip_suite_request *request);

/* The results: evaluations[model * sets + set], NULL where a set failed. */
struct cclip_suite_results {
    const cclip_suite *suite;
    size_t sets, models;
    char **model_names;    /* as a person would call them */
    char **architectures, **paths;
    cclip_evaluation **evaluations;
    const cclip_bootstrap_options *bootstrap;
};
cclip_status cclip_suite_print(const struct cclip_suite_results *results);
cclip_status cclip_suite_write_csv(const struct cclip_suite_results *results, const char *path);

#endif
