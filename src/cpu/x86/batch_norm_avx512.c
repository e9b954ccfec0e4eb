#include "cpu/x86/vector_avx512.h"
#include "cpu/x86/batch_norm_tmpl.h"
