/* The two ways into a model, step by step: a text becomes token ids, a picture becomes numbers.
 *
 *     4_tokenizer_and_preprocess TEXT PICTURE
 *
 * Useful where tokens or pixels are kept, inspected or come from elsewhere. */
#include <cclip/cclip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_tokens(const cclip_tokenizer *tokenizer, const int32_t *ids, size_t count)
{
    char words[4096];
    size_t length;
    printf("tokens:");
    for (size_t i = 0; i < count; i++)
        printf(" %d", (int)ids[i]);
    /* Without the start and the end token. */
    if (!cclip_tokenizer_decode(tokenizer, words, sizeof words, &length, ids + 1, count - 2))
        printf("\nwords:  %.*s\n", (int)(length < sizeof words ? length : sizeof words), words);
}

static cclip_status embed_text(cclip_session *session, const cclip_model_info *info, float *out,
                               const char *text)
{
    const size_t context = info->context_length;
    const cclip_tokenizer *tokenizer = NULL;
    int32_t *ids = calloc(context, sizeof *ids); /* zeros behind the end token are the padding */
    size_t count = 0;
    cclip_status status = ids ? cclip_model_get_tokenizer(cclip_session_model(session), &tokenizer)
                              : CCLIP_ERROR_MEMORY;
    if (!status) /* the last 1: a text that is too long is cut */
        status = cclip_tokenizer_encode(tokenizer, ids, context, &count, text, strlen(text), context,
                                        1);
    if (!status) {
        print_tokens(tokenizer, ids, count);
        status = cclip_embed_tokens(session, out, ids, 1, context, 1);
    }
    free(ids);
    return status;
}

static cclip_status embed_picture(cclip_session *session, const cclip_model_info *info, float *out,
                                  const char *path)
{
    const cclip_preprocessing *preprocessing = &info->preprocessing;
    const size_t plane = preprocessing->height * preprocessing->width;
    float *pixels = malloc(3 * plane * sizeof *pixels); /* [3][height][width] */
    cclip_status status = pixels ? cclip_preprocess_file(pixels, path, preprocessing)
                                 : CCLIP_ERROR_MEMORY;
    if (!status) {
        printf("pixels: 3 x %zu x %zu, means", preprocessing->height, preprocessing->width);
        for (size_t c = 0; c < 3; c++) {
            double sum = 0;
            for (size_t i = 0; i < plane; i++)
                sum += (double)pixels[c * plane + i];
            printf(" %.3f", sum / (double)plane);
        }
        printf("\n");
        status = cclip_embed_pixels(session, out, pixels, 1, 1);
    }
    free(pixels);
    return status;
}

int main(int argc, char **argv)
{
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    float *rows = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: %s TEXT PICTURE\n", argv[0]);
        return 2;
    }
    cclip_status status = cclip_model_open(&model, NULL, NULL);
    if (!status)
        status = cclip_model_get_info(model, &info);
    if (!status)
        status = cclip_session_open(&session, model, NULL);
    if (!status && !(rows = malloc(2 * info.embedding_dim * sizeof *rows)))
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = embed_text(session, &info, rows, argv[1]);
    if (!status)
        status = embed_picture(session, &info, rows + info.embedding_dim, argv[2]);
    if (!status)
        printf("cosine: %.3f\n",
               (double)cclip_similarity(rows, rows + info.embedding_dim, info.embedding_dim));
    else
        fprintf(stderr, "%s\n", cclip_error_message());
    free(rows);
    cclip_session_close(&session);
    cclip_model_close(&model);
    return status ? 1 : 0;
}
