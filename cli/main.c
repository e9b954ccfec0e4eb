/* The program: finds the verb, reads its options by its table, runs it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_features.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/output.h"

const struct cclip_verb *const cclip_verbs[] = { &cclip_command_info,
                                                 &cclip_command_tokenize,
                                                 &cclip_command_preprocess,
                                                 &cclip_command_embed,
                                                 &cclip_command_classify,
                                                 &cclip_command_score,
                                                 &cclip_command_rank,
                                                 &cclip_command_convert,
                                                 &cclip_command_train_tokenizer,
                                                 &cclip_command_evaluate,
                                                 &cclip_command_audit,
                                                 &cclip_command_probe,
                                                 &cclip_command_bench,
                                                 &cclip_command_train,
                                                 &cclip_command_finetune,
                                                 &cclip_command_filter,
                                                 &cclip_command_dedup,
                                                 NULL };

const struct cclip_verb *cclip_verb_find(const char *name)
{
    for (size_t i = 0; cclip_verbs[i]; i++)
        if (!strcmp(cclip_verbs[i]->name, name))
            return cclip_verbs[i];
    return NULL;
}

static int finish(cclip_status status)
{
    return status ? cclip_report_failure() : CCLIP_EXIT_DONE;
}

static int unknown_verb(const char *name)
{
    enum { MOST = 64 };
    const char *names[MOST];
    size_t count = 0;
    for (; count < MOST && cclip_verbs[count]; count++)
        names[count] = cclip_verbs[count]->name;
    const char *near = cclip_nearest_name(name, names, count);
    if (near)
        cclip_message("unknown verb \"%s\" (did you mean %s?)", name, near);
    else
        cclip_message("unknown verb \"%s\"; `cclip --help` lists them", name);
    return CCLIP_EXIT_USAGE;
}

static int run_verb(const struct cclip_verb *verb, int count, char **words)
{
    struct cclip_texts arguments = { NULL, 0, 0 };
    void *settings = cclip_allocate(1, verb->settings_size);
    if (!settings)
        return cclip_report_failure();
    memcpy(settings, verb->defaults, verb->settings_size);
    const struct cclip_common *common = settings;
    int status = cclip_options_parse(verb, settings, &arguments, count, words);
    if (!status && common->help) {
        status = finish(cclip_print_help(verb));
    } else if (!status) {
        cclip_console_log_open(common->verbose);
        cclip_interrupt_open();
        status = verb->run(verb, settings, &arguments);
        if (cclip_output_finish() && status != CCLIP_EXIT_FAILED)
            status = cclip_report_failure();
    }
    cclip_options_close(verb, settings, &arguments);
    cclip_release(settings);
    return status;
}

static int generate(int count, char **words)
{
    const struct cclip_verb *verb = NULL;
    if (count < 1 || count > 2) {
        cclip_message("--generate: usage: cclip --generate man|markdown|bash|zsh|fish [VERB]");
        return CCLIP_EXIT_USAGE;
    }
    if (count == 2 && !(verb = cclip_verb_find(words[1])))
        return unknown_verb(words[1]);
    const cclip_status status = cclip_generate(words[0], verb);
    finish(status);
    return status == CCLIP_ERROR_ARGUMENT ? CCLIP_EXIT_USAGE
           : status                       ? CCLIP_EXIT_FAILED
                                          : CCLIP_EXIT_DONE;
}

static int print_version(void)
{
    const int threads = cclip_cpu_count();
    cclip_status status = cclip_print("cclip %s, instruction set %s, %d thread%s\n", cclip_version(),
                                      cclip_cpu_level(), threads, threads == 1 ? "" : "s");
    return finish(status ? status : cclip_output_finish());
}

/* Where one of the three standard streams is closed its number would go to the next file that is
 * opened, and messages into that file. What is opened here fails when it is used. */
static void hold_streams(void)
{
    static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };
    for (int stream = 0; stream < 3; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", modes[stream]) != stream)
            return;
}

/* A misspelt level would otherwise be taken for none. */
static int check_environment(void)
{
    const char *level = getenv("CCLIP_CPU");
    if (!level || !*level || cclip_cpu_features_of_level(level) != ~0u)
        return CCLIP_EXIT_DONE;
    cclip_message("CCLIP_CPU: \"%s\" is none of c, avx2, avx512, vnni, bf16, fp16, amx, neon", level);
    return CCLIP_EXIT_USAGE;
}

int main(int count, char **words)
{
    hold_streams();
    if (check_environment())
        return CCLIP_EXIT_USAGE;
    if (count < 2) {
        cclip_message("no verb; `cclip --help` lists them");
        return CCLIP_EXIT_USAGE;
    }
    const char *word = words[1];
    if (!strcmp(word, "--version") || !strcmp(word, "version"))
        return print_version();
    if (!strcmp(word, "--generate"))
        return generate(count - 2, words + 2);
    if (!strcmp(word, "help") && count > 2) {
        const struct cclip_verb *verb = cclip_verb_find(words[2]);
        return verb ? finish(cclip_print_help(verb)) : unknown_verb(words[2]);
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        return finish(cclip_print_overview());
    const struct cclip_verb *verb = cclip_verb_find(word);
    if (verb)
        return run_verb(verb, count - 2, words + 2);
    if (word[0] == '-') {
        cclip_message("unknown option %s in front of the verb; `cclip --help` shows the usage",
                      word);
        return CCLIP_EXIT_USAGE;
    }
    return unknown_verb(word);
}
