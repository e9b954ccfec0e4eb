/* The largest size, count and depth accepted from outside, in one place. Each is far above what a
 * public checkpoint or a real picture needs, and far below what would exhaust a machine. */
#ifndef CCLIP_BASE_LIMITS_H
#define CCLIP_BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define CCLIP_LIMIT_ALLOCATION ((size_t)1 << 40)      /* bytes in one allocation */
#define CCLIP_LIMIT_PATH ((size_t)4096)               /* bytes in a path */
#define CCLIP_LIMIT_JSON_FILE ((size_t)256 << 20)     /* bytes; the largest tokenizer.json is 35 MB */
#define CCLIP_LIMIT_TEXT_FILE ((size_t)4 << 30)       /* bytes of a list of captions */
#define CCLIP_LIMIT_TENSORS ((size_t)1 << 16)         /* tensors in a checkpoint */
#define CCLIP_LIMIT_TENSOR_NAME ((size_t)4096)        /* bytes */
#define CCLIP_LIMIT_TENSOR_RANK 8
#define CCLIP_LIMIT_TENSOR_ELEMENTS ((uint64_t)1 << 36)
#define CCLIP_LIMIT_SAFETENSORS_HEADER ((size_t)100 << 20) /* bytes, as the format itself says */
#define CCLIP_LIMIT_ZIP_ENTRIES ((size_t)1 << 20)
#define CCLIP_LIMIT_ZIP_INFLATE_RATIO 1100            /* deflate cannot exceed 1032 : 1 */
#define CCLIP_LIMIT_UNPACKED_TIMES ((size_t)16)       /* deflated weights: their file's size so often ... */
#define CCLIP_LIMIT_UNPACKED_EXTRA ((size_t)64 << 20) /* ... and this many bytes */
#define CCLIP_LIMIT_PICKLE_BYTES ((size_t)256 << 20)
#define CCLIP_LIMIT_PICKLE_DEPTH 256
#define CCLIP_LIMIT_PICKLE_OBJECTS ((size_t)8 << 20)
#define CCLIP_LIMIT_GGUF_KEYS ((size_t)1 << 16)
#define CCLIP_LIMIT_VOCABULARY ((size_t)4 << 20)      /* tokens */
#define CCLIP_LIMIT_TOKEN_BYTES ((size_t)4096)
#define CCLIP_LIMIT_WORD_BYTES ((size_t)4000000000) /* distinct words to train a vocabulary on */
#define CCLIP_LIMIT_TEXT_BYTES ((size_t)16 << 20)     /* one text to be tokenized */
#define CCLIP_LIMIT_CONTEXT ((size_t)65536)           /* tokens in a sequence */
#define CCLIP_LIMIT_IMAGE_SIDE ((size_t)65500)        /* pixels; JPEG's own limit is 65,500 */
#define CCLIP_LIMIT_IMAGE_PIXELS ((uint64_t)178956970)/* as Pillow's decompression-bomb error */
#define CCLIP_LIMIT_IMAGE_FILE ((size_t)1 << 30)      /* bytes */
#define CCLIP_LIMIT_MODEL_WIDTH ((size_t)65536)
#define CCLIP_LIMIT_MODEL_LAYERS ((size_t)1024)
#define CCLIP_LIMIT_LABELS ((size_t)4 << 20)
#define CCLIP_LIMIT_TABLE_ROW ((size_t)64 << 20)      /* bytes in a row of a CSV */
#define CCLIP_LIMIT_TABLE_COLUMNS ((size_t)65536)
#define CCLIP_LIMIT_SAMPLES ((size_t)1 << 32)         /* in a list of pictures */
#define CCLIP_LIMIT_SHARDS ((size_t)1 << 20)          /* tar files of a data set */
#define CCLIP_LIMIT_CAPTIONS ((size_t)65536)          /* of one picture */
#define CCLIP_LIMIT_RESAMPLES ((size_t)1000000)         /* of a bootstrap; permutations of a test */
#define CCLIP_LIMIT_SUITE ((size_t)4096)              /* data sets of a suite */
#define CCLIP_LIMIT_THREADS 1024

#endif
