/* GGUF files: the tensors, and every kind of question to the key-value pairs. */
#include "fuzz/checkpoint/open_bytes.h"

#include "base/memory.h"
#include "checkpoint/gguf.h"

static void ask(const struct cclip_gguf *gguf, const char *key)
{
    struct cclip_gguf_text text, *texts;
    double numbers[4];
    uint64_t integer;
    size_t length, bytes = 0;
    int flag;
    cclip_gguf_has(gguf, key);
    (void)cclip_gguf_unsigned(&integer, gguf, key, 0);
    (void)cclip_gguf_number(numbers, gguf, key, 0);
    (void)cclip_gguf_bool(&flag, gguf, key, 0);
    (void)cclip_gguf_string(&text, gguf, key);
    (void)cclip_gguf_numbers(numbers, 4, &length, gguf, key);
    if (cclip_gguf_strings(&texts, &length, gguf, key))
        return;
    for (size_t i = 0; i < length; i++) /* every byte of them lies in the file */
        for (size_t k = 0; k < texts[i].length; k++)
            bytes += texts[i].text[k] != 0;
    if (bytes == SIZE_MAX)
        abort();
    cclip_release(texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = { "general.architecture", "general.alignment", "clip.use_gelu",
                                        "clip.text.block_count", "clip.vision.image_mean",
                                        "clip.text.attention.layer_norm_epsilon",
                                        "tokenizer.ggml.tokens", "absent", "" };
    struct cclip_checkpoint *c;
    if (cclip_checkpoint_open_bytes(&c, data, size, "input")) {
        check_message();
        return 0;
    }
    read_tensors(c);
    for (size_t i = 0; cclip_checkpoint_gguf(c) && i < sizeof keys / sizeof keys[0]; i++)
        ask(cclip_checkpoint_gguf(c), keys[i]);
    cclip_checkpoint_close(&c);
    return 0;
}
