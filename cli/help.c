#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "cli/output.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 96 };

/* Prints `text` in lines of at most HELP_WIDTH, each after `indent` spaces; the caller has already
 * written up to column `column` of the first line. "\n" in the text begins a new line. */
static void print_wrapped(const char *text, int indent, int column)
{
    if (column < indent)
        cclip_print("%*s", indent - column, "");
    column = indent;
    while (*text) {
        const int length = (int)strcspn(text, " \n"), space = column > indent;
        if (space && column + 1 + length > HELP_WIDTH) {
            cclip_print("\n%*s%.*s", indent, "", length, text);
            column = indent + length;
        } else {
            cclip_print("%s%.*s", space ? " " : "", length, text);
            column += space + length;
        }
        text += length;
        if (*text == '\n') {
            cclip_print("\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
        }
        text += *text != 0;
    }
    cclip_print("\n");
}

/* "-o, --output FILE"; returns its length. */
static int write_option(char *out, size_t size, const struct cclip_option *option)
{
    char letter[8] = "";
    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    return snprintf(out, size, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
                    option->value ? option->value : "");
}

/* The help sentence with the choices a value has. */
static const char *write_meaning(char *out, size_t size, const struct cclip_option *option)
{
    size_t length = (size_t)snprintf(out, size, "%s", option->help);
    const char *between = ": ";
    for (const struct cclip_choice *c = option->choices; c && c->name && length < size; c++) {
        if (c->hidden)
            continue;
        length += (size_t)snprintf(out + length, size - length, "%s%s", between, c->name);
        between = ", ";
    }
    return out;
}

static void print_usage(const struct cclip_verb *verb)
{
    cclip_print("cclip %s [options]%s%s", verb->name, verb->arguments ? " " : "",
                verb->arguments ? verb->arguments : "");
}

/* The keys without Markdown's backquotes. */
static const char *plain_keys(char *out, size_t size, const char *keys)
{
    size_t length = 0;
    for (; *keys && length + 1 < size; keys++)
        if (*keys != '`')
            out[length++] = *keys;
    out[length] = 0;
    return out;
}

static void print_lines(const char *text)
{
    while (*text) {
        const int length = (int)strcspn(text, "\n");
        cclip_print("  %.*s\n", length, text);
        text += length + (text[length] != 0);
    }
}

cclip_status cclip_print_help(const struct cclip_verb *verb)
{
    char keys[1024];
    const struct cclip_option *option;
    cclip_print("Usage: ");
    print_usage(verb);
    cclip_print("\n\n");
    print_wrapped(verb->description, 0, 0);
    cclip_print("\nOptions:\n");
    for (size_t i = 0; (option = cclip_verb_option(verb, i)); i++) {
        char name[96], meaning[512];
        int column = write_option(name, sizeof(name), option);
        cclip_print("  %s", name);
        column += 2;
        if (column > HELP_COLUMN - 2) {
            cclip_print("\n");
            column = 0;
        }
        print_wrapped(write_meaning(meaning, sizeof(meaning), option), HELP_COLUMN, column);
    }
    cclip_print("\nKeys of --json:\n");
    print_wrapped(plain_keys(keys, sizeof(keys), verb->keys), 2, 0);
    cclip_print("\nExample:\n");
    print_lines(verb->example);
    return cclip_output_finish();
}

cclip_status cclip_print_overview(void)
{
    cclip_print(
        "cclip: CLIP in C. Pictures and texts in one space: embed, compare, classify, evaluate.\n\n"
        "Usage: cclip VERB [options] [arguments]\n"
        "       cclip VERB --help\n"
        "       cclip --version\n\nVerbs:\n");
    for (size_t i = 0; cclip_verbs[i]; i++)
        cclip_print("  %-17s%s\n", cclip_verbs[i]->name, cclip_verbs[i]->summary);
    cclip_print(
        "\nExit status: 0 done; 1 failed; 2 wrong usage; 3 done, but some inputs were skipped.\n"
        "Environment: CCLIP_MODEL (default of --model), CCLIP_CPU=c|avx2|avx512 (lowers the\n"
        "instruction set), XDG_CACHE_HOME (where checkpoints are found by name).\n\n"
        "Example:\n  cclip classify photo.jpg --labels cat,dog,bicycle\n");
    return cclip_output_finish();
}

/* Text of a man page: a backslash, and a dot or quote that begins a line, mean something to roff.
 */
static void print_roff(const char *text)
{
    int at_start = 1;
    for (; *text; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            cclip_print("\\&");
        if (*text == '\\')
            cclip_print("\\e");
        else if (*text == '-')
            cclip_print("\\-");
        else
            cclip_print("%c", *text);
        at_start = *text == '\n';
    }
    cclip_print("\n");
}

static void print_roff_paragraphs(const char *text)
{
    const char *end;
    char paragraph[2048];
    for (; (end = strstr(text, "\n\n")); text = end + 2) {
        snprintf(paragraph, sizeof(paragraph), "%.*s", (int)(end - text), text);
        print_roff(paragraph);
        cclip_print(".PP\n");
    }
    print_roff(text);
}

static void man_of_verb(const struct cclip_verb *verb)
{
    char keys[1024];
    const struct cclip_option *option;
    cclip_print(".TH cclip-%s 1 \"\" \"cclip %s\" \"User Commands\"\n.SH NAME\ncclip\\-%s \\- ",
                verb->name, CCLIP_VERSION_STRING, verb->name);
    print_roff(verb->summary);
    cclip_print(".SH SYNOPSIS\n.B cclip %s\n[\\fIoptions\\fR]\n", verb->name);
    if (verb->arguments)
        print_roff(verb->arguments);
    cclip_print(".SH DESCRIPTION\n");
    print_roff_paragraphs(verb->description);
    cclip_print(".SH OPTIONS\n");
    for (size_t i = 0; (option = cclip_verb_option(verb, i)); i++) {
        char name[96], meaning[512];
        write_option(name, sizeof(name), option);
        cclip_print(".TP\n.B ");
        print_roff(name);
        print_roff(write_meaning(meaning, sizeof(meaning), option));
    }
    cclip_print(".SH KEYS OF \\-\\-json\n");
    print_roff(plain_keys(keys, sizeof(keys), verb->keys));
    cclip_print(
        ".SH EXIT STATUS\n0 done; 1 failed; 2 wrong usage; 3 done, but some inputs were skipped\n"
        ".SH EXAMPLE\n.nf\n");
    print_roff(verb->example);
    cclip_print(".fi\n.SH SEE ALSO\n.BR cclip (1)\n");
}

static void man_of_program(void)
{
    cclip_print(".TH cclip 1 \"\" \"cclip %s\" \"User Commands\"\n.SH NAME\n"
                "cclip \\- CLIP in C: embed, compare, classify and evaluate pictures and texts\n"
                ".SH SYNOPSIS\n.B cclip\n\\fIVERB\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]\n"
                ".SH DESCRIPTION\nOne program for CLIP models: it loads any public checkpoint and "
                "gives the\n"
                "reference's numbers. Results go to standard output, all else to standard error.\n"
                ".SH VERBS\n",
                CCLIP_VERSION_STRING);
    for (size_t i = 0; cclip_verbs[i]; i++) {
        cclip_print(".TP\n.BR cclip\\-%s (1)\n", cclip_verbs[i]->name);
        print_roff(cclip_verbs[i]->summary);
    }
    cclip_print(
        ".SH EXIT STATUS\n0 done; 1 failed; 2 wrong usage; 3 done, but some inputs were skipped\n"
        ".SH ENVIRONMENT\n.TP\n.B CCLIP_MODEL\nthe model without \\-\\-model\n"
        ".TP\n.B CCLIP_CPU\nlowers the instruction set: c, avx2, avx512\n"
        ".TP\n.B XDG_CACHE_HOME\ncheckpoints are found by name in $XDG_CACHE_HOME/cclip\n");
}

static void markdown_of_verb(const struct cclip_verb *verb)
{
    const struct cclip_option *option;
    cclip_print("## %s\n\n`", verb->name);
    print_usage(verb);
    cclip_print("`\n\n%s\n\n| option | meaning |\n| --- | --- |\n", verb->description);
    for (size_t i = 0; (option = cclip_verb_option(verb, i)); i++) {
        char name[96], meaning[512];
        write_option(name, sizeof(name), option);
        write_meaning(meaning, sizeof(meaning), option);
        cclip_print("| `%s` | ", name);
        for (const char *c = meaning; *c; c++)
            cclip_print("%s%c", *c == '|' ? "\\" : "", *c);
        cclip_print(" |\n");
    }
    cclip_print("\nKeys of `--json`: %s.\n\n```sh\n%s\n```\n", verb->keys, verb->example);
}

/* The words after which a file name, a folder or nothing is completed. */
static const char *completion_of(const struct cclip_option *option)
{
    static const char *const files[] = { "FILE", "OUT", "MODEL", "DIR", "LIST", "X.npy" };
    for (size_t i = 0; option->value && i < sizeof(files) / sizeof(*files); i++)
        if (strstr(option->value, files[i]))
            return "file";
    return option->choices ? "choice" : option->value ? "none" : "flag";
}

static void print_choices(const struct cclip_option *option, const char *between)
{
    const char *lead = "";
    for (const struct cclip_choice *c = option->choices; c && c->name; c++) {
        if (c->hidden)
            continue;
        cclip_print("%s%s", lead, c->name);
        lead = between;
    }
}

static void print_verb_names(const char *between)
{
    for (size_t i = 0; cclip_verbs[i]; i++)
        cclip_print("%s%s", i ? between : "", cclip_verbs[i]->name);
}

static void generate_bash(void)
{
    const struct cclip_option *option;
    cclip_print(
        "# bash completion of cclip\n_cclip()\n{\n    local word=${COMP_WORDS[COMP_CWORD]}\n"
        "    local before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} options=\n"
        "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W \"");
    print_verb_names(" ");
    cclip_print(
        " --help --version\" -- \"$word\"))\n        return\n    fi\n    case $verb,$before in\n");
    for (size_t v = 0; cclip_verbs[v]; v++)
        for (size_t i = 0; (option = cclip_verb_option(cclip_verbs[v], i)); i++) {
            if (!option->choices)
                continue;
            cclip_print("    %s,--%s) COMPREPLY=($(compgen -W \"", cclip_verbs[v]->name,
                        option->name);
            print_choices(option, " ");
            cclip_print("\" -- \"$word\")); return ;;\n");
        }
    cclip_print("    esac\n    case $verb in\n");
    for (size_t v = 0; cclip_verbs[v]; v++) {
        cclip_print("    %s) options=\"", cclip_verbs[v]->name);
        for (size_t i = 0; (option = cclip_verb_option(cclip_verbs[v], i)); i++)
            cclip_print("%s--%s", i ? " " : "", option->name);
        cclip_print("\" ;;\n");
    }
    cclip_print("    esac\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- "
                "\"$word\")) ;;\n"
                "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
                "complete -o filenames -F _cclip cclip\n");
}

/* For zsh and fish: a sentence inside single quotes; what their syntax uses is left out. */
static void print_plain(const char *text)
{
    for (; *text; text++)
        if (!strchr("'[]:\\", *text))
            cclip_print("%c", *text);
}

static void generate_zsh(void)
{
    const struct cclip_option *option;
    cclip_print("#compdef cclip\nlocal -a verbs\nverbs=(\n");
    for (size_t v = 0; cclip_verbs[v]; v++) {
        cclip_print("  '%s:", cclip_verbs[v]->name);
        print_plain(cclip_verbs[v]->summary);
        cclip_print("'\n");
    }
    cclip_print(")\nif (( CURRENT == 2 )); then\n  _describe verb verbs\n  return\nfi\n"
                "local verb=$words[2]\nshift words\n(( CURRENT-- ))\ncase $verb in\n");
    for (size_t v = 0; cclip_verbs[v]; v++) {
        cclip_print("%s)\n  _arguments -s", cclip_verbs[v]->name);
        for (size_t i = 0; (option = cclip_verb_option(cclip_verbs[v], i)); i++) {
            const char *kind = completion_of(option);
            cclip_print(" \\\n    '%s--%s[", option->kind == CCLIP_OPTION_TEXTS ? "*" : "",
                        option->name);
            print_plain(option->help);
            cclip_print("]");
            if (!strcmp(kind, "file"))
                cclip_print(":file:_files");
            else if (!strcmp(kind, "choice")) {
                cclip_print(":choice:(");
                print_choices(option, " ");
                cclip_print(")");
            } else if (!strcmp(kind, "none"))
                cclip_print(":value: ");
            cclip_print("'");
        }
        cclip_print(" \\\n    '*:file:_files'\n  ;;\n");
    }
    cclip_print("esac\n");
}

static void generate_fish(void)
{
    const struct cclip_option *option;
    cclip_print("# fish completion of cclip\nset -l verbs ");
    print_verb_names(" ");
    cclip_print("\n");
    for (size_t v = 0; cclip_verbs[v]; v++) {
        const struct cclip_verb *verb = cclip_verbs[v];
        cclip_print("complete -c cclip -n \"not __fish_seen_subcommand_from $verbs\" -f -a %s -d '",
                    verb->name);
        print_plain(verb->summary);
        cclip_print("'\n");
        for (size_t i = 0; (option = cclip_verb_option(verb, i)); i++) {
            const char *kind = completion_of(option);
            cclip_print("complete -c cclip -n \"__fish_seen_subcommand_from %s\" -l %s", verb->name,
                        option->name);
            if (option->letter)
                cclip_print(" -s %c", option->letter);
            if (!strcmp(kind, "choice")) {
                cclip_print(" -x -a '");
                print_choices(option, " ");
                cclip_print("'");
            } else if (strcmp(kind, "flag"))
                cclip_print(!strcmp(kind, "file") ? " -r -F" : " -x");
            cclip_print(" -d '");
            print_plain(option->help);
            cclip_print("'\n");
        }
    }
}

static void generate_man(const struct cclip_verb *verb)
{
    if (verb)
        man_of_verb(verb);
    else
        man_of_program();
}

static void generate_markdown(const struct cclip_verb *verb)
{
    for (size_t v = 0; cclip_verbs[v]; v++)
        if (!verb || verb == cclip_verbs[v]) {
            cclip_print(v && !verb ? "\n" : "");
            markdown_of_verb(cclip_verbs[v]);
        }
}

cclip_status cclip_generate(const char *kind, const struct cclip_verb *verb)
{
    if (!strcmp(kind, "man"))
        generate_man(verb);
    else if (!strcmp(kind, "markdown"))
        generate_markdown(verb);
    else if (!strcmp(kind, "bash"))
        generate_bash();
    else if (!strcmp(kind, "zsh"))
        generate_zsh();
    else if (!strcmp(kind, "fish"))
        generate_fish();
    else
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "--generate: \"%s\" is none of man, markdown, bash, zsh, fish", kind);
    return cclip_output_finish();
}
