/* What is checked of the options of a bootstrap, wherever they are taken. */
#ifndef CCLIP_API_BOOTSTRAP_OPTIONS_H
#define CCLIP_API_BOOTSTRAP_OPTIONS_H

#include <cclip/evaluate.h>

cclip_status cclip_check_bootstrap(const cclip_bootstrap_options *options);

#endif
