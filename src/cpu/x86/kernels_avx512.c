#include "cpu/x86/vector_avx512.h"
#include "cpu/x86/kernels_tmpl.h"
