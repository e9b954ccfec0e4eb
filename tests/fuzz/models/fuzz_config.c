/* Configurations: {"config": config.json or open_clip_config.json, "preprocessor": ...}. What is accepted has
 * sizes that can be, is described, and comes back the same when it is written and read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/architectures.h"
#include "models/config.h"
#include "models/operations.h"

static void check_message(void)
{
    const char *message = cclip_error_message();
    if (!*message || strchr(message, '\n'))
        abort();
}

static void check_sizes(const struct cclip_transformer_config *t)
{
    if (!t->width || !t->heads || t->width % t->heads || !t->layers || !t->mlp_width)
        abort();
}

/* Whether the layout can hold it is another question; if so, no size may change. */
static void write_again(const struct cclip_config *config, int hugging_face)
{
    cclip_json *root = NULL, *preprocessor = NULL;
    struct cclip_config again;
    const cclip_status status =
        hugging_face ? cclip_config_write_hugging_face(&root, &preprocessor, config, "float32")
                     : cclip_config_write_open_clip(&root, config);
    if (status) {
        check_message();
        return;
    }
    if (hugging_face ? cclip_config_read_hugging_face(&again, root, preprocessor, NULL, "again")
                     : cclip_config_read_open_clip(&again, root, "again"))
        abort();
    if (again.embedding_dim != config->embedding_dim ||
        again.text.transformer.mlp_width != config->text.transformer.mlp_width ||
        again.text.transformer.heads != config->text.transformer.heads ||
        again.vision.image_width != config->vision.image_width ||
        again.vision.transformer.mlp_width != config->vision.transformer.mlp_width)
        abort();
    cclip_json_close(&root);
    cclip_json_close(&preprocessor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cclip_json *root;
    struct cclip_config config;
    if (cclip_json_parse(&root, (const char *)data, size, "input"))
        return 0;
    const cclip_json *text = cclip_json_get(root, "config");
    const int hugging_face = cclip_config_is_hugging_face(text);
    const cclip_status status =
        hugging_face ? cclip_config_read_hugging_face(&config, text,
                                                      cclip_json_get(root, "preprocessor"), NULL,
                                                      "input")
                     : cclip_config_read_open_clip(&config, text, "input");
    cclip_json_close(&root);
    if (status) {
        check_message();
        return 0;
    }
    char words[200];
    check_sizes(&config.text.transformer);
    if (config.vision.kind == CCLIP_VISION_TRANSFORMER)
        check_sizes(&config.vision.transformer);
    cclip_architecture_describe_vision(words, sizeof words, &config);
    cclip_architecture_describe_text(words, sizeof words, &config);
    if (!(cclip_image_operations(&config) > 0) || !(cclip_text_operations(&config, 1) > 0))
        abort();
    write_again(&config, hugging_face);
    return 0;
}
