#include "cli/curation.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "cli/output.h"

const struct cclip_choice cclip_dataset_types[] = { { "auto", CCLIP_DATASET_AUTO, 0 },
                                                    { "folder", CCLIP_DATASET_FOLDER, 0 },
                                                    { "csv", CCLIP_DATASET_CSV, 0 },
                                                    { "webdataset", CCLIP_DATASET_WEBDATASET, 0 },
                                                    { NULL, 0, 0 } };

int cclip_curation_choose(cclip_curate_options *out, const struct cclip_verb *verb,
                          const struct cclip_curation_settings *s)
{
    cclip_curate_options_init(out);
    if (!s->train_data)
        return cclip_usage_error(verb, "no data: give --train-data");
    if (s->every_sample && !s->lines)
        return cclip_usage_error(verb, "--every-sample needs --lines");
    out->train_data = s->train_data;
    out->dataset_type = (cclip_dataset_type)s->dataset_type;
    out->seed = s->seed;
    if (s->image_column)
        out->csv_img_key = s->image_column;
    if (s->caption_column)
        out->csv_caption_key = s->caption_column;
    out->image_key = s->image_key;
    out->text_key = s->text_key;
    out->json_text_key = s->json_text_key;
    if (s->report && cclip_output_check(s->report, "<!", "web page"))
        return cclip_report_failure();
    if (s->lines && cclip_output_check(s->lines, "{", "list of JSON objects"))
        return cclip_report_failure();
    return cclip_choose_separator(&out->csv_separator, verb, s->separator);
}

/* Known before hours of work, not after. */
static cclip_status check_output(const char *path)
{
    struct cclip_names names = { 0 };
    cclip_status status = CCLIP_OK;
    if (cclip_is_folder(path))
        status = cclip_folder_list(&names, path);
    if (!status && (names.count || cclip_is_file(path)))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already", path);
    cclip_names_close(&names);
    return status;
}

/* What was asked for in writing; the corpus last. */
static cclip_status write_all(const struct cclip_curation_settings *s, const cclip_curation *curation)
{
    cclip_status status = CCLIP_OK;
    if (s->report)
        status = cclip_curation_write_report(curation, s->report);
    if (!status && s->lines)
        status = cclip_curation_write_lines(curation, s->lines, s->every_sample);
    if (!status && s->output)
        status = cclip_curation_write(curation, s->output);
    return status;
}

/* Where the model can hardly tell pairs from mismatches, what it says should not be taken for true. */
static void warn(const cclip_curation *curation)
{
    cclip_curation_estimate e = { .version = CCLIP_CURATION_ESTIMATE_VERSION };
    if (cclip_curation_get_estimate(curation, &e) || isnan(e.mismatched))
        return;
    if (e.lost > CCLIP_CURATION_LOST_MOST || e.mismatched > CCLIP_CURATION_MISMATCHED_MOST)
        cclip_message("the model can hardly tell pairs from mismatches: it takes an estimated %.0f %% for mismatched, "
                      "and %.0f %% of the good ones went too", 100 * e.mismatched, 100 * e.lost);
}

static int run_with(const struct cclip_curation_settings *s, cclip_session *session, cclip_curate_options *options,
                    int json, cclip_status (*tell)(const cclip_curation *curation, int json))
{
    cclip_curation *curation = NULL;
    struct cclip_progress progress;
    cclip_progress_open(&progress, "samples", 0);
    options->skip = cclip_say_skipped;
    options->progress = cclip_progress_step;
    options->user = &progress;
    cclip_status status = cclip_curate(&curation, session, options);
    cclip_progress_close(&progress);
    if (!status)
        status = write_all(s, curation);
    if (!status)
        status = tell(curation, json);
    if (status == CCLIP_ERROR_CANCELLED && cclip_interrupted()) {
        cclip_message("interrupted: nothing is written");
        return CCLIP_EXIT_FAILED;
    }
    if (status) {
        cclip_curation_close(&curation);
        return cclip_report_failure();
    }
    warn(curation);
    const size_t broken = cclip_curation_tally(curation, CCLIP_CURATE_BROKEN), all = cclip_curation_count(curation);
    cclip_curation_close(&curation);
    return cclip_exit_status(broken, all, "samples");
}

int cclip_curation_run(const struct cclip_verb *verb, const struct cclip_common *common,
                       const struct cclip_curation_settings *settings, cclip_curate_options *options, int model,
                       cclip_status (*tell)(const cclip_curation *curation, int json))
{
    struct cclip_opened opened = { NULL, NULL, { 0 } };
    cclip_preprocessing preprocessing;
    int code = CCLIP_EXIT_DONE;
    if (settings->output && strchr(settings->output, '{'))
        return cclip_usage_error(verb, "-o: \"%s\" is a pattern; a new folder takes all shards", settings->output);
    if (settings->output && check_output(settings->output))
        return cclip_report_failure();
    options->threads = (int)common->threads;
    if (model)
        code = cclip_opened_session(&opened, verb, common);
    if (!code && model)
        code = cclip_choose_preprocessing(&preprocessing, verb, common, &opened.info, 0);
    if (!code && model)
        options->preprocessing = &preprocessing;
    if (!code)
        code = run_with(settings, opened.session, options, common->json, tell);
    cclip_opened_close(&opened);
    return code;
}

static void add_estimates(struct cclip_emitter *e, const cclip_curation_estimate *estimate)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = { { "lowest_score", estimate->score },
                    { "estimated_mismatched", estimate->mismatched },
                    { "estimated_caught", estimate->caught },
                    { "estimated_lost", estimate->lost } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!isnan(numbers[i].value))
            cclip_emit_number(e, numbers[i].key, numbers[i].value);
}

static cclip_status tell_json(const cclip_curation *curation, const cclip_curation_estimate *estimate)
{
    struct cclip_emitter e;
    const char *name;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_integer(&e, "samples", (int64_t)cclip_curation_count(curation));
    for (int i = 0; (name = cclip_curate_reason_name((cclip_curate_reason)i)); i++)
        cclip_emit_integer(&e, name, (int64_t)cclip_curation_tally(curation, (cclip_curate_reason)i));
    cclip_emit_begin(&e, "rules", '{');
    for (size_t i = 0; (name = cclip_caption_rule_name(i)); i++) {
        const size_t count = cclip_curation_changed(curation, i) + cclip_curation_refused(curation, i);
        if (count)
            cclip_emit_integer(&e, name, (int64_t)count);
    }
    cclip_emit_end(&e, '}');
    cclip_emit_integer(&e, "damaged_shards", (int64_t)estimate->damaged);
    add_estimates(&e, estimate);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static void add_row(struct cclip_table *table, const char *name, size_t count, size_t all)
{
    cclip_table_cell(table, "%s", name);
    cclip_table_cell(table, "%zu", count);
    cclip_table_cell(table, "%.1f %%", 100 * (double)count / (double)all);
}

cclip_status cclip_curation_tell_counts(const cclip_curation *curation, int json)
{
    cclip_curation_estimate e = { .version = CCLIP_CURATION_ESTIMATE_VERSION };
    const size_t all = cclip_curation_count(curation);
    const char *name;
    struct cclip_table table;
    cclip_status status = cclip_curation_get_estimate(curation, &e);
    if (status || json)
        return status ? status : tell_json(curation, &e);
    cclip_table_open(&table, "<>>");
    for (int i = 0; (name = cclip_curate_reason_name((cclip_curate_reason)i)); i++)
        if (cclip_curation_tally(curation, (cclip_curate_reason)i))
            add_row(&table, name, cclip_curation_tally(curation, (cclip_curate_reason)i), all);
    for (size_t i = 0; (name = cclip_caption_rule_name(i)); i++) {
        char text[64];
        const size_t changed = cclip_curation_changed(curation, i), refused = cclip_curation_refused(curation, i);
        snprintf(text, sizeof text, "  %s: %s", changed ? "changed" : "refused", name);
        if (changed || refused)
            add_row(&table, text, changed + refused, all);
    }
    status = cclip_table_print(&table);
    cclip_table_close(&table);
    if (!status && !isnan(e.mismatched))
        status = cclip_print("Estimated: %.1f %% of the pairs do not belong together; %.0f %% of these went, and "
                             "%.1f %% of the others.\n", 100 * e.mismatched, 100 * e.caught, 100 * e.lost);
    return status;
}
