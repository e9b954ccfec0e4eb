#include "cpu/x86/vector_avx2.h"
#include "cpu/x86/batch_norm_tmpl.h"
