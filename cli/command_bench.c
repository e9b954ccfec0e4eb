/* cclip bench: this machine's speed on a model. */
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

enum { BOTH, ONLY_IMAGES, ONLY_TEXTS };

struct settings {
    struct cclip_common common;
    struct cclip_integers batch;
    double seconds;
    int64_t tokens;
    int only;
};

static const struct cclip_choice towers[] = { { "images", ONLY_IMAGES, 0 },
                                              { "texts", ONLY_TEXTS, 0 },
                                              { NULL, 0, 0 } };

/* One measurement as a JSON line or as a row of the table. */
static cclip_status report(const struct settings *s, struct cclip_table *table,
                           cclip_bench_kind kind, size_t batch, size_t tokens,
                           const cclip_bench_result *result)
{
    const int64_t threads = s->common.threads ? s->common.threads : cclip_cpu_count();
    if (!s->common.json) {
        cclip_table_cell(table, "f32");
        if (kind == CCLIP_BENCH_IMAGES)
            cclip_table_cell(table, "images");
        else
            cclip_table_cell(table, "texts of %zu tokens", tokens);
        cclip_table_cell(table, "%zu", batch);
        cclip_table_cell(table, "%lld", (long long)threads);
        cclip_table_cell(table, "%.1f", result->per_second);
        cclip_table_cell(table, "%.1f", result->gflops);
        cclip_table_cell(table, "%.0f %%", result->percent_of_peak);
        return table->status;
    }
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "precision", "f32");
    cclip_emit_integer(&e, "batch", (int64_t)batch);
    cclip_emit_integer(&e, "threads", threads);
    cclip_emit_number(&e, kind == CCLIP_BENCH_IMAGES ? "images_per_second" : "texts_per_second",
                      result->per_second);
    cclip_emit_number(&e, "percent_of_peak", result->percent_of_peak);
    cclip_emit_number(&e, "gflops", result->gflops);
    cclip_emit_number(&e, "peak_gflops", result->peak_gflops);
    if (kind == CCLIP_BENCH_TEXTS)
        cclip_emit_integer(&e, "tokens", (int64_t)tokens);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static cclip_status measure(const struct settings *s, const struct cclip_opened *opened,
                            struct cclip_table *table, cclip_bench_kind kind)
{
    static const size_t usual[] = { 1, 8, 32 };
    const size_t *batches = s->batch.count ? s->batch.items : usual;
    const size_t count = s->batch.count ? s->batch.count : sizeof(usual) / sizeof(*usual);
    const size_t context = opened->info.context_length;
    const size_t tokens = (size_t)s->tokens < context ? (size_t)s->tokens : context;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status && !cclip_interrupted(); i++) {
        cclip_bench_result result;
        memset(&result, 0, sizeof(result));
        result.version = CCLIP_BENCH_RESULT_VERSION;
        status = cclip_bench(&result, opened->session, kind, batches[i], tokens, s->seconds);
        if (!status)
            status = report(s, table, kind, batches[i], tokens, &result);
    }
    return status;
}

static void add_heading(struct cclip_table *table)
{
    static const char *const names[] = { "precision", "input",  "batch",  "threads",
                                         "a second",  "gflops", "of peak" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        cclip_table_cell(table, "%s", names[i]);
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct cclip_opened opened;
    struct cclip_table table;
    (void)arguments;
    cclip_table_open(&table, "<<>>>>>");
    int code = cclip_opened_session(&opened, verb, &s->common);
    if (!code) {
        cclip_status status = CCLIP_OK;
        if (!s->common.json) {
            status = cclip_print("%s; instructions up to %s\n\n", opened.info.architecture,
                                 cclip_cpu_level());
            add_heading(&table);
        }
        if (!status && s->only != ONLY_TEXTS)
            status = measure(s, &opened, &table, CCLIP_BENCH_IMAGES);
        if (!status && s->only != ONLY_IMAGES)
            status = measure(s, &opened, &table, CCLIP_BENCH_TEXTS);
        if (!status && !s->common.json)
            status = cclip_table_print(&table);
        if (status)
            code = cclip_report_failure();
        else if (cclip_interrupted())
            code = CCLIP_EXIT_FAILED;
    }
    cclip_table_close(&table);
    cclip_opened_close(&opened);
    return code;
}

static const struct settings defaults = { .common = { .precision = CCLIP_PRECISION_UNSET },
                                          .seconds = 2,
                                          .tokens = 12 };

static const struct cclip_option options[] = {
    { "batch", 0, CCLIP_OPTION_INTEGERS, "N[,N]", "inputs at a time (default 1,8,32)",
      offsetof(struct settings, batch), 0, 1, 65536, NULL },
    { "seconds", 0, CCLIP_OPTION_NUMBER, "S", "time a measurement (default 2)",
      offsetof(struct settings, seconds), 0, 0.001, 3600, NULL },
    { "tokens", 0, CCLIP_OPTION_INTEGER, "N",
      "length of the texts, start and end included (default 12)", offsetof(struct settings, tokens),
      0, 2, 65536, NULL },
    { "only", 0, CCLIP_OPTION_CHOICE, "TOWER", "one tower", offsetof(struct settings, only), 0, 0,
      0, towers },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_bench = {
    "bench",
    "this machine's speed on a model",
    NULL,
    "Measures how many pictures and texts a second the towers take, without decoding and "
    "tokenizing. "
    "The best repetition counts. \"of peak\" is the share of what a loop of multiply-adds in "
    "registers "
    "reaches here on as many threads.",
    "cclip bench --batch 1,32 --threads 2\ncclip bench --only texts --tokens 77 --json",
    "a line a measurement: `precision`, `batch`, `threads`, `images_per_second` or "
    "`texts_per_second`, `percent_of_peak`, `gflops`, `peak_gflops`, and for texts `tokens`",
    options,
    CCLIP_COMMON_MODEL,
    0,
    0,
    sizeof(struct settings),
    &defaults,
    run
};
