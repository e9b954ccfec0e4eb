/* Pictures and texts in one space: which picture is nearest to a sentence, and to another picture?
 *
 *     2_embed_and_compare TEXT PICTURE PICTURE...
 *
 * A model is opened once; a session is one thread's way to use it and can be used again and again. */
#include <cclip/cclip.h>
#include <stdio.h>
#include <stdlib.h>

/* A picture that cannot be read is named and left out: its row of embeddings is zero. */
static int on_unreadable(void *user, size_t index, cclip_status status, const char *message)
{
    const char *const *paths = user;
    fprintf(stderr, "skipped %s (%s): %s\n", paths[index], cclip_status_name(status), message);
    return 0; /* go on */
}

static void print_comparison(const float *text, const float *pictures, char **paths, size_t count,
                             size_t dim)
{
    printf("to the text  to the first  picture\n");
    for (size_t i = 0; i < count; i++) {
        const float *row = pictures + i * dim;
        printf("%11.3f  %12.3f  %s\n", (double)cclip_similarity(text, row, dim),
               (double)cclip_similarity(pictures, row, dim), paths[i]);
    }
}

int main(int argc, char **argv)
{
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    float *embeddings = NULL;
    int failed = 1;
    if (argc < 3) {
        fprintf(stderr, "usage: %s TEXT PICTURE...\n", argv[0]);
        return 2;
    }
    char **paths = argv + 2;
    const size_t count = (size_t)argc - 2;

    if (cclip_model_open(&model, NULL, NULL) || cclip_model_get_info(model, &info) ||
        cclip_session_open(&session, model, NULL))
        goto done;
    const size_t dim = info.embedding_dim;
    embeddings = malloc((count + 1) * dim * sizeof *embeddings); /* row 0 is the text's */
    if (!embeddings)
        goto done;
    const char *const text = argv[1];
    /* Normalised (the last 1, or the 1 before the callback): inner products are cosines. */
    if (cclip_embed_texts(session, embeddings, &text, NULL, 1, 0, 1) ||
        cclip_embed_files(session, embeddings + dim, (const char *const *)paths, count, NULL, 1,
                          on_unreadable, paths))
        goto done;
    print_comparison(embeddings, embeddings + dim, paths, count, dim);
    failed = 0;
done:
    if (failed)
        fprintf(stderr, "%s\n", cclip_error_message());
    free(embeddings);
    cclip_session_close(&session);
    cclip_model_close(&model);
    return failed;
}
