#include "checkpoint/signatures.h"

#include <string.h>

struct signature {
    size_t offset, length;
    const char *bytes;
    cclip_checkpoint_reader *reader; /* or what the file is, and what to do: */
    const char *what;
};

#define AT(offset, bytes) offset, sizeof(bytes) - 1, bytes

static const struct signature signatures[] = {
    { AT(0, "PK\3\4"), cclip_torch_zip_read, NULL },
    { AT(0, "GGUF"), cclip_gguf_read, NULL },
    { AT(0, "FUGG"), NULL,
      "a GGUF file with its bytes in big-endian order; only little-endian is read" },
    { AT(0, "lmgg"), NULL, "a GGML file, the format before GGUF; convert it to GGUF anew" },
    { AT(0, "fmgg"), NULL, "a GGML file, the format before GGUF; convert it to GGUF anew" },
    { AT(0, "tjgg"), NULL, "a GGML file, the format before GGUF; convert it to GGUF anew" },
    { AT(0, "PK\5\6"), NULL, "an empty zip archive" },
    /* torch's magic number 0x1950a86a20f9469cfc6c as a pickled integer */
    { AT(0, "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"), NULL,
      "saved by PyTorch before 1.6 (or without its zip format), which is not read; load it in "
      "PyTorch "
      "and save it again" },
    { AT(257, "ustar"), NULL,
      "a tar archive (PyTorch before 0.1.10 saved such files); only weights files are read" },
    { AT(0, "\x80\2"), NULL, "a bare Python pickle, not a file of torch.save; it is not read" },
    { AT(0, "\x80\3"), NULL, "a bare Python pickle, not a file of torch.save; it is not read" },
    { AT(0, "\x80\4"), NULL, "a bare Python pickle, not a file of torch.save; it is not read" },
    { AT(0, "\x80\5"), NULL, "a bare Python pickle, not a file of torch.save; it is not read" },
    { AT(0, "\x89HDF\r\n\x1a\n"), NULL, "an HDF5 file (Keras, TensorFlow), which is not read" },
    { AT(4, "TFL3"), NULL, "a TensorFlow Lite model, which is not read" },
    { AT(0, "\x93NUMPY"), NULL, "a NumPy array, not a checkpoint" },
    { AT(0, "\x1f\x8b"), NULL, "gzip data; unpack it first" },
    { AT(0, "\xfd"
            "7zXZ"),
      NULL, "xz data; unpack it first" },
    { AT(0, "\x28\xb5\x2f\xfd"), NULL, "zstd data; unpack it first" },
    { AT(0, "BZh"), NULL, "bzip2 data; unpack it first" },
    { AT(0, "version https://git-lfs"), NULL,
      "a git-lfs pointer, not the weights themselves; fetch them with: git lfs pull" },
    { AT(0, "<!DOCTYPE"), NULL, "an HTML page, not a checkpoint: a download that failed?" },
    { AT(0, "<!doctype"), NULL, "an HTML page, not a checkpoint: a download that failed?" },
    { AT(0, "<html"), NULL, "an HTML page, not a checkpoint: a download that failed?" },
    { AT(0, "{"), NULL, "a JSON file, not a checkpoint" },
};

static int matches(const struct signature *s, const struct cclip_mapping *mapping)
{
    return mapping->size >= s->offset + s->length &&
           !memcmp(mapping->data + s->offset, s->bytes, s->length);
}

/* ONNX has no signature. It is a protobuf message that begins with field 1, a small version number,
 * and goes on with field 2 (producer), 7 (graph) or 8 (operator sets). */
static int looks_like_onnx(const struct cclip_mapping *mapping)
{
    const unsigned char *p = mapping->data;
    return mapping->size > 3 && p[0] == 0x08 && p[1] >= 3 && p[1] < 32 &&
           (p[2] == 0x12 || p[2] == 0x3a || p[2] == 0x42);
}

/* No control characters, and no byte that UTF-8 never has. */
static int looks_like_text(const struct cclip_mapping *mapping)
{
    const size_t length = mapping->size < 512 ? mapping->size : 512;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = mapping->data[i];
        if (c == 0x7f || c >= 0xf5 || !c || (c < 0x20 && !strchr("\t\n\r\f", c)))
            return 0;
    }
    return 1;
}

static cclip_status refuse(const char *path, const char *what)
{
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: %s", path, what);
}

cclip_status cclip_checkpoint_find_reader(cclip_checkpoint_reader **out,
                                          const struct cclip_mapping *mapping, const char *path)
{
    *out = cclip_safetensors_read;
    if (!mapping->size)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: is empty (0 bytes)", path);
    if (cclip_is_safetensors(mapping))
        return CCLIP_OK;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const struct signature *s = &signatures[i];
        if (matches(s, mapping)) {
            *out = s->reader;
            return s->reader ? CCLIP_OK : refuse(path, s->what);
        }
    }
    if (looks_like_onnx(mapping))
        return refuse(path, "an ONNX model, which is not read");
    if (looks_like_text(mapping))
        return refuse(path, "a text file, not a checkpoint");
    /* A damaged safetensors file; its reader says what is wrong. */
    if ((mapping->size > 8 && mapping->data[8] == '{') ||
        cclip_path_has_suffix(path, ".safetensors"))
        return CCLIP_OK;
    return refuse(path, "none of the known formats: safetensors, PyTorch zip, GGUF");
}
