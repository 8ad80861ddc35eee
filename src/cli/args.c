/* SPDX-License-Identifier: Apache-2.0
 * The command line's words against a command's table of options. Long options may be cut as long as they are unique; `--x=v` and `--x v` are the same. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

const struct cli_option cli_common[] = {
    {"config", 'c', "DIR", "the configuration's directory (default " CLI_DEFAULT_DIR ")"},
    {"socket", 's', "PATH", "the daemon's control socket (default: $GENGFU_SOCKET, or as configured)"},
    {"json", 'j', NULL, "for programs: one JSON object per line"},
    {"no-color", 0, NULL, "no colours (as with NO_COLOR in the environment)"},
    {"help", 'h', NULL, "this help"},
    {NULL, 0, NULL, NULL},
};

static size_t count(const struct cli_option *o) {
    size_t n = 0;

    while (o != NULL && o[n].name != NULL)
        n++;
    return n;
}

static const struct cli_option *option_at(const struct cli_command *cmd, size_t i) {
    size_t own = count(cmd->options);

    return i < own ? &cmd->options[i] : &cli_common[i - own];
}

static size_t options_of(const struct cli_command *cmd) { return count(cmd->options) + count(cli_common); }

/* The daemon's socket concerns those who speak to it, and the daemon. */
bool cli_takes(const struct cli_command *cmd, const struct cli_option *common) {
    return strcmp(common->name, "socket") != 0 || cmd->remote || strcmp(cmd->name, "run") == 0;
}

static bool taken(const struct cli_command *cmd, size_t i) { return i < count(cmd->options) || cli_takes(cmd, option_at(cmd, i)); }

/* The option's place, or <0 with a message. */
static int find_long(const struct cli_command *cmd, const char *name, size_t len, struct err *err) {
    const char *names[CLI_MAX_VALUES];
    size_t n = options_of(cmd);
    int found = -1;
    bool several = false;
    char word[64];

    for (size_t i = 0; i < n; i++) {
        const struct cli_option *o = option_at(cmd, i);
        names[i] = taken(cmd, i) ? o->name : NULL;
        if (names[i] == NULL || strncmp(o->name, name, len) != 0)
            continue;
        if (o->name[len] == '\0')
            return (int)i;
        several = found >= 0;
        found = (int)i;
    }
    if (found >= 0 && !several)
        return found;
    (void)snprintf(word, sizeof(word), "%.*s", (int)len, name);
    if (several)
        return err_set(err, GF_EINVAL, "--%s could be several options of 'gengfu %s'", word, cmd->name);
    const char *near = text_nearest(word, names, n);
    return err_set(err, GF_EINVAL, "'gengfu %s' has no option --%s%s%s%s", cmd->name, word, near ? "; did you mean --" : "",
                   near ? near : "", near ? "?" : "");
}

static int find_letter(const struct cli_command *cmd, char letter, struct err *err) {
    for (size_t i = 0; i < options_of(cmd); i++)
        if (option_at(cmd, i)->letter == letter && taken(cmd, i))
            return (int)i;
    return err_set(err, GF_EINVAL, "'gengfu %s' has no option -%c", cmd->name, letter);
}

static int take_option(struct cli *c, char **argv, int argc, int *i, struct err *err) {
    const char *word = argv[*i], *value = NULL;
    int at;

    if (word[1] == '-') {
        const char *eq = strchr(word, '=');
        size_t len = eq != NULL ? (size_t)(eq - word) - 2 : strlen(word + 2);
        at = find_long(c->command, word + 2, len, err);
        value = eq != NULL ? eq + 1 : NULL;
    } else {
        at = find_letter(c->command, word[1], err);
        value = word[2] != '\0' ? word + 2 : NULL;
    }
    if (at < 0)
        return at;
    const struct cli_option *o = option_at(c->command, (size_t)at);

    if (o->arg == NULL) {
        if (value != NULL)
            return err_set(err, GF_EINVAL, "--%s takes no value", o->name);
        value = "";
    } else if (value == NULL) {
        if (*i + 1 >= argc)
            return err_set(err, GF_EINVAL, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
        value = argv[++*i];
    }
    c->values[at] = value;
    return 0;
}

/* no-color.org: any NO_COLOR that is not empty. A terminal that cannot says so by its name. */
bool cli_may_colour(const struct cli *c) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return !c->json && !cli_given(c, "no-color") && (no == NULL || no[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
}

/* `eval -9.81` and `-(a)` are words: no option is a digit or a bracket. */
int cli_parse(struct cli *c, int argc, char **argv, struct err *err) {
    bool words_only = false;

    c->args = calloc((size_t)argc + 1, sizeof(*c->args));
    if (c->args == NULL)
        return err_set(err, GF_ENOMEM, "out of memory");
    for (int i = 0; i < argc; i++) {
        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[i][0] == '-' && (argv[i][1] == '-' || isalpha((unsigned char)argv[i][1]))) {
            int rc = take_option(c, argv, argc, &i, err);
            if (rc < 0)
                return rc;
        } else {
            c->args[c->nargs++] = argv[i];
        }
    }
    c->json = cli_given(c, "json");
    c->colour = isatty(STDOUT_FILENO) && cli_may_colour(c);
    c->dir = cli_given(c, "config") ? cli_value(c, "config") : CLI_DEFAULT_DIR;
    if (cli_given(c, "help"))
        return 0;
    if (c->nargs < c->command->min_args)
        return err_set(err, GF_EINVAL, "'gengfu %s' needs %s", c->command->name, c->command->args);
    if (c->nargs > c->command->max_args)
        return err_set(err, GF_EINVAL, "'gengfu %s' cannot make sense of '%s'", c->command->name, c->args[c->command->max_args]);
    return 0;
}

const char *cli_value(const struct cli *c, const char *name) {
    for (size_t i = 0; i < options_of(c->command); i++)
        if (strcmp(option_at(c->command, i)->name, name) == 0)
            return c->values[i];
    return NULL;
}

int cli_span(const struct cli *c, const char *name, int64_t *ret_ms) {
    const char *v = cli_value(c, name);
    struct err err = {0};

    if (v == NULL)
        return EXIT_FINE;
    if (span_parse(v, strlen(v), ret_ms, &err) < 0)
        return cli_usage(c, "--%s: %s", name, err.text);
    return EXIT_FINE;
}

int cli_number(const struct cli *c, const char *name, double min, double max, double *ret) {
    const char *v = cli_value(c, name);
    char *end;

    if (v == NULL)
        return EXIT_FINE;
    double d = strtod(v, &end);
    if (end == v || *end != '\0' || !(d >= min && d <= max))
        return cli_usage(c, "--%s: '%s' is not a number from %g to %g", name, v, min, max);
    *ret = d;
    return EXIT_FINE;
}
