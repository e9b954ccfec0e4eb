/* The callables and classes that a checkpoint may name. Naming or calling one of them does nothing:
 * the list says what a value means to a reader of weights. Those of the role OTHER occur in the parts
 * of training checkpoints that are no weights (options, counters, states of random numbers). */
#include "checkpoint/pickle.h"

#include <string.h>

#include "tensor/tensor.h"

static const struct cclip_pickle_global globals[] = {
    { "collections", "OrderedDict", CCLIP_ROLE_ORDERED_DICT, -1 },
    { "torch._utils", "_rebuild_tensor", CCLIP_ROLE_TENSOR, -1 },
    { "torch._utils", "_rebuild_tensor_v2", CCLIP_ROLE_TENSOR, -1 },
    { "torch._utils", "_rebuild_tensor_v3", CCLIP_ROLE_TENSOR_OF_TYPE, -1 },
    { "torch._utils", "_rebuild_parameter", CCLIP_ROLE_PARAMETER, -1 },
    { "torch._utils", "_rebuild_parameter_with_state", CCLIP_ROLE_PARAMETER, -1 },
    { "torch._tensor", "_rebuild_from_type_v2", CCLIP_ROLE_TENSOR_CLASS, -1 },

    { "torch", "FloatStorage", CCLIP_ROLE_STORAGE, CCLIP_F32 },
    { "torch", "HalfStorage", CCLIP_ROLE_STORAGE, CCLIP_F16 },
    { "torch", "BFloat16Storage", CCLIP_ROLE_STORAGE, CCLIP_BF16 },
    { "torch", "DoubleStorage", CCLIP_ROLE_STORAGE, CCLIP_F64 },
    { "torch", "LongStorage", CCLIP_ROLE_STORAGE, CCLIP_I64 },
    { "torch", "IntStorage", CCLIP_ROLE_STORAGE, CCLIP_I32 },
    { "torch", "ShortStorage", CCLIP_ROLE_STORAGE, CCLIP_I16 },
    { "torch", "CharStorage", CCLIP_ROLE_STORAGE, CCLIP_I8 },
    { "torch", "ByteStorage", CCLIP_ROLE_STORAGE, CCLIP_U8 },
    { "torch", "BoolStorage", CCLIP_ROLE_STORAGE, CCLIP_BOOL },
    { "torch", "UntypedStorage", CCLIP_ROLE_BYTES_STORAGE, CCLIP_U8 },
    { "torch.storage", "UntypedStorage", CCLIP_ROLE_BYTES_STORAGE, CCLIP_U8 },
    { "torch.storage", "_UntypedStorage", CCLIP_ROLE_BYTES_STORAGE, CCLIP_U8 },

    { "torch", "float32", CCLIP_ROLE_DTYPE, CCLIP_F32 },
    { "torch", "float16", CCLIP_ROLE_DTYPE, CCLIP_F16 },
    { "torch", "bfloat16", CCLIP_ROLE_DTYPE, CCLIP_BF16 },
    { "torch", "float64", CCLIP_ROLE_DTYPE, CCLIP_F64 },
    { "torch", "int64", CCLIP_ROLE_DTYPE, CCLIP_I64 },
    { "torch", "int32", CCLIP_ROLE_DTYPE, CCLIP_I32 },
    { "torch", "int16", CCLIP_ROLE_DTYPE, CCLIP_I16 },
    { "torch", "int8", CCLIP_ROLE_DTYPE, CCLIP_I8 },
    { "torch", "uint8", CCLIP_ROLE_DTYPE, CCLIP_U8 },
    { "torch", "bool", CCLIP_ROLE_DTYPE, CCLIP_BOOL },

    { "torch", "Tensor", CCLIP_ROLE_OTHER, -1 },
    { "torch", "Size", CCLIP_ROLE_OTHER, -1 },
    { "torch", "device", CCLIP_ROLE_OTHER, -1 },
    { "torch.nn.parameter", "Parameter", CCLIP_ROLE_OTHER, -1 },
    { "torch.jit._pickle", "build_boollist", CCLIP_ROLE_OTHER, -1 },
    { "torch.jit._pickle", "build_doublelist", CCLIP_ROLE_OTHER, -1 },
    { "torch.jit._pickle", "build_intlist", CCLIP_ROLE_OTHER, -1 },
    { "torch.jit._pickle", "build_tensorlist", CCLIP_ROLE_OTHER, -1 },
    { "torch.jit._pickle", "restore_type_tag", CCLIP_ROLE_OTHER, -1 },
    { "numpy", "dtype", CCLIP_ROLE_OTHER, -1 },
    { "numpy", "ndarray", CCLIP_ROLE_OTHER, -1 },
    { "numpy.core.multiarray", "_reconstruct", CCLIP_ROLE_OTHER, -1 },
    { "numpy.core.multiarray", "scalar", CCLIP_ROLE_OTHER, -1 },
    { "numpy._core.multiarray", "_reconstruct", CCLIP_ROLE_OTHER, -1 },
    { "numpy._core.multiarray", "scalar", CCLIP_ROLE_OTHER, -1 },
    { "_codecs", "encode", CCLIP_ROLE_OTHER, -1 },
    { "argparse", "Namespace", CCLIP_ROLE_OTHER, -1 },
    { "builtins", "set", CCLIP_ROLE_OTHER, -1 },
    { "__builtin__", "set", CCLIP_ROLE_OTHER, -1 },
    { "builtins", "bytearray", CCLIP_ROLE_OTHER, -1 },
    { "__builtin__", "bytearray", CCLIP_ROLE_OTHER, -1 },
};

/* So begin all classes of a TorchScript archive, whose program text is in the archive. */
static const struct cclip_pickle_global module_class = { "__torch__", "", CCLIP_ROLE_MODULE, -1 };

static int is_module_class(const char *module, size_t length)
{
    const size_t prefix = strlen(module_class.module);
    return length >= prefix && !memcmp(module, module_class.module, prefix) &&
           (length == prefix || module[prefix] == '.');
}

static int equals(const char *text, size_t length, const char *wanted)
{
    return strlen(wanted) == length && !memcmp(text, wanted, length);
}

const struct cclip_pickle_global *cclip_pickle_find_global(const char *module, size_t module_length,
                                                           const char *name, size_t name_length)
{
    if (is_module_class(module, module_length))
        return &module_class;
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (equals(module, module_length, globals[i].module) &&
            equals(name, name_length, globals[i].name))
            return &globals[i];
    return NULL;
}
