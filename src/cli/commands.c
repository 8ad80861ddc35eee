/* SPDX-License-Identifier: Apache-2.0
 * The table of subcommands: help, completion, man pages and docs/cli.md come from it. */
#include <stdlib.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/text.h"
#include "gengfu/cli/cli.h"

#define END \
    { NULL, 0, NULL, NULL }

static const struct cli_option run_options[] = {{"dry-run", 'n', NULL, "check, and say what would be run"},
                                                {"log", 'l', "LEVEL", "error, warn, notice, info (default) or debug"},
                                                {"store", 0, "FILE", "the database file, in place of the configured one"},
                                                {"time-scale", 0, "N", "for demos and tests: the clock runs N times as fast"},
                                                {"clock-start", 0, "TIME", "for demos and tests: the clock starts at this RFC 3339 time"},
                                                END};
static const struct cli_option check_options[] = {{"strict", 0, NULL, "warnings count as found too"}, END};
static const struct cli_option test_options[] = {{"only", 'o', "TEXT", "only tests with this text in their name or file"},
                                                 {"verbose", 'v', NULL, "also tests that pass, and everything that came"},
                                                 END};
static const struct cli_option backtest_options[] = {{"since", 0, "WHEN", "where it begins: 36h, 14d (default) or 2026-01-05T20:00"},
                                                     {"until", 0, "WHEN", "where it ends (default: now)"},
                                                     {"rules", 0, "DIR", "the new rules: a directory as a whole, like the configuration's"},
                                                     {"rule", 'r', "NAME", "look at this rule's incidents only"},
                                                     {"store", 0, "FILE", "the database file, in place of the configured one"},
                                                     {"all", 'a', NULL, "every incident that differs, not the first 40"},
                                                     {"quiet", 'q', NULL, "no progress"},
                                                     END};
static const struct cli_option eval_options[] = {{"event", 'e', "JSON", "fields of the event (JSON, @FILE, or - for standard input)"},
                                                 {"state", 0, "JSON", "the device's latest fields (default: the event)"},
                                                 {"previous", 0, "JSON", "the same before the event"},
                                                 {"device", 'd', "JSON", "the registry's row"},
                                                 {"payload", 'p', "JSON", "evaluate as a source does: the payload"},
                                                 {"topic", 't', "JSON", "evaluate as a source does: the captures"},
                                                 {"explain", 'x', NULL, "the value of every part"},
                                                 {"dump", 0, NULL, "the compiled form"},
                                                 END};
static const struct cli_option source_options[] = {{"topic", 't', "TOPIC", "the input is one payload on this topic"},
                                                   {"retained", 'r', NULL, "as a retained message"},
                                                   END};
static const struct cli_option status_options[] = {{"trace", 0, NULL, "the daemon's last log lines, of every level"}, END};
static const struct cli_option tail_options[] = {{"device", 'd', "ID", "only this device"},
                                                 {"rule", 'r', "NAME", "only incidents of this rule"},
                                                 {"matched", 'm', NULL, "only incidents"},
                                                 END};
static const struct cli_option incidents_options[] = {{"open", 'o', NULL, "only those that are not over"},
                                                      {"since", 0, "SPAN", "changed within this span: 2h, 7d"},
                                                      {"rule", 'r', "NAME", "of this rule"},
                                                      {"device", 'd', "ID", "of this device"},
                                                      {"limit", 0, "N", "at most N (default 1000)"},
                                                      END};
static const struct cli_option devices_options[] = {{"offline", 0, NULL, "only those that are offline"},
                                                    {"unknown", 'u', NULL, "only those that are not in the registry"},
                                                    END};
static const struct cli_option sources_options[] = {{"unmatched", 'u', NULL,
                                                     "topics whose messages no source took, or that broke one, with the latest example"},
                                                    END};
static const struct cli_option outbox_options[] = {{"dead", 0, NULL, "only dead letters: what a platform refused for good"},
                                                   {"limit", 0, "N", "at most N (default 1000)"},
                                                   END};
static const struct cli_option resend_options[] = {{"platform", 'p', "NAME", "only to this platform"}, END};
static const struct cli_option verb_options[] = {{"note", 0, "TEXT", "a note for the history"},
                                                 {"ticket", 0, "ID", "the platform's ticket"},
                                                 {"disposition", 0, "WORD", "real, false_alarm, ignored or test"},
                                                 END};
static const struct cli_option audit_options[] = {{"since", 0, "SPAN", "within this span: 2h, 7d"},
                                                  {"limit", 0, "N", "at most N (default 100)"},
                                                  {"head", 0, NULL, "the number and hash of the latest entry, to be noted elsewhere"},
                                                  {"verify", 0, NULL,
                                                   "read the store's file, and see whether an entry was changed, put in or taken out"},
                                                  {"noted", 0, "HEAD",
                                                   "with --verify: a head that was noted elsewhere must be part of the trail"},
                                                  {"store", 0, "FILE", "with --verify: the database file, in place of the configured one"},
                                                  END};
static const struct cli_option simulate_options[] = {{"host", 0, "NAME", "the broker (default 127.0.0.1)"},
                                                     {"port", 'p', "N", "its port (default 1883)"},
                                                     {"devices", 'n', "N", "at least so many devices"},
                                                     {"registry", 0, "FILE", "devices.csv (default: the configuration's)"},
                                                     {"rate", 'r', "N", "load: N lock messages a second"},
                                                     {"count", 0, "N", "load: stop after N"},
                                                     {"ledger", 0, "FILE", "load: a line for each acknowledged message"},
                                                     {"length", 0, "SPAN", "of neighbourhood time (default: until Ctrl-C)"},
                                                     {"scale", 0, "N", "neighbourhood time runs N times as fast"},
                                                     {"clock-start", 0, "TIME", "neighbourhood time begins here (RFC 3339)"},
                                                     {"story", 0, NULL, "the example neighbourhood's evening, with its incidents"},
                                                     {"fault", 0, "WORDS",
                                                      "what goes wrong, with commas: hostile, repeat, flood, flap, clock"},
                                                     {"seed", 0, "N", "the same seed gives the same neighbourhood"},
                                                     {"qos", 0, "N", "0 or 1 (default 1)"},
                                                     {"quiet", 'q', NULL, "no progress"},
                                                     END};

static const struct cli_option help_options[] = {{"markdown", 0, NULL, "everything, as docs/cli.md has it"},
                                                 {"man", 0, NULL, "as a man page"},
                                                 {"names", 0, NULL, "the commands' names, one a line"},
                                                 END};

#define VERB(name, about) \
    { \
        name, "ID", about, \
            "ID is an incident's number, its id, or the beginning of its id. What is done goes into the audit trail with your user id.", \
            "  gengfu " name " gw-1-20260105-0007 --note '老王去看了'", verb_options, 1, 1, true, cmd_command \
    }

const struct cli_command cli_commands[] = {
    {"run", "", "the daemon (-n: check and say what would be run)", NULL, "  gengfu run --config /etc/gengfu -n", run_options, 0, 0, false,
     cmd_run},
    {"check", "[DIR]", "every error and warning in every file, with place, caret and cure", NULL, "  gengfu check /etc/gengfu",
     check_options, 0, 1, false, cmd_check},
    {"test", "[DIR]", "rule tests (tests.d) in virtual time",
     "With the same source mapper and engine as the daemon. A test that fails says what was expected, what came, and why not.\nExit code 1 when a test fails, 3 when the rules or tests cannot be loaded.",
     "  gengfu test /etc/gengfu --only lamp", test_options, 0, 1, false, cmd_test},
    {"backtest", "", "the stored events once more, through today's rules or new ones",
     "Without --rules, what really happened is compared with the configuration's rules; with it, these with the new ones. Incidents are the same when rule and key are and they overlap in time.\n"
     "It reads the store's file (so it needs the right to: sudo) and changes nothing; the daemon may be running. Events are replayed as the sources made them: a change of a source shows only in messages to come.\n"
     "What people ended by hand is ended at the same moment again. Exit code 1 when something differs.",
     "  sudo gengfu backtest --since 14d --rules ./mine\n  sudo gengfu backtest --since 3d --rule lamp-out --json", backtest_options, 0, 0,
     false, cmd_backtest},
    {"eval", "EXPR", "try an expression",
     "Variables are event, state, previous, device, now as in a rule; with --payload or --topic those of a source.\nExit code 1 when the value is unknown or an error.",
     "  gengfu eval 'event.power_w < 5.0' --event '{\"power_w\": 0.2}' --explain", eval_options, 1, 1, false, cmd_eval},
    {"source", "FILE|-", "what events a message becomes, or why none",
     "With --topic the input is one payload. Without, it is lines of {\"topic\": …, \"payload\": …, \"retain\": …}.\nExit code 1 when a message is unmatched or broken.",
     "  echo '{\"action\":\"unlock\",\"lock_state\":\"unlocked\"}' | gengfu source - --topic zigbee2mqtt/lock-3-2", source_options, 1, 1,
     false, cmd_source},
    {"status", "", "health at a glance", "Troubles come first; exit code 1 when there are any.", "  gengfu status", status_options, 0, 0,
     true, cmd_status},
    {"tail", "", "events and incidents as they come", NULL, "  gengfu tail --device lamp-7", tail_options, 0, 0, true, cmd_tail},
    {"incidents", "", "lists incidents, newest first", NULL, "  gengfu incidents --open\n  gengfu incidents --since 24h --json",
     incidents_options, 0, 0, true, cmd_incidents},
    {"show", "ID", "one incident, with its history", "ID is its number, its id, or the beginning of its id.",
     "  gengfu show gw-1-20260105-0007", NULL, 1, 1, true, cmd_show},
    VERB("ack", "acknowledge an incident"),
    VERB("dispatch", "somebody is on the way"),
    VERB("handle", "it has been dealt with"),
    VERB("resolve", "end its condition by hand"),
    VERB("close", "close it (--disposition says what it was)"),
    VERB("reopen", "open a closed one again"),
    {"note", "ID TEXT", "add a note to an incident", NULL, "  gengfu note gw-1-20260105-0007 '已联系电工'", verb_options, 2, 2, true,
     cmd_command},
    {"rules", "", "the rules in force, with what they saw and did", NULL, "  gengfu rules", NULL, 0, 0, true, cmd_rules},
    {"devices", "[ID]", "what talks to us", "With an ID: its latest known fields.", "  gengfu devices --offline", devices_options, 0, 1,
     true, cmd_devices},
    {"sources", "", "what we understand, and what not", NULL, "  gengfu sources --unmatched", sources_options, 0, 0, true, cmd_sources},
    {"outbox", "", "what waits for which platform, and why", NULL, "  gengfu outbox --dead", outbox_options, 0, 0, true, cmd_outbox},
    {"resend", "ID", "send an incident to the platforms again",
     "To those that it is for (their level and 'when', the rule's 'forward'), and to those that have it waiting or have refused it.",
     "  gengfu resend gw-1-20260105-0007", resend_options, 1, 1, true, cmd_resend},
    {"audit", "", "who did what: commands, reloads, starts",
     "Each entry's hash covers the one before it. --verify reads the file, so it needs the right to (sudo); exit code 1 when an entry was changed, put in or taken out.\nWhoever can write the file could write the whole trail anew: against that, note the head elsewhere (the log, and each answer to a platform's command, hold it too).",
     "  gengfu audit --since 7d\n  sudo gengfu audit --verify --noted 17:9f3a…", audit_options, 0, 0, true, cmd_audit},
    {"reload", "", "read the files again; a broken set changes nothing", NULL, "  gengfu reload", NULL, 0, 0, true, cmd_reload},
    {"simulate", "", "a neighbourhood of devices, for demos and load", "Messages in real vendors' formats, published to a broker.",
     "  gengfu simulate --devices 300 --scale 60 --length 1h", simulate_options, 0, 0, false, cmd_simulate},
    {"schema", "rules|config|tests", "the files' JSON Schema, for editors",
     "Of rules.d/*.yaml, gengfu.yaml or tests.d/*.yaml. `make install` puts them into share/gengfu/schema; an editor is told by a first line:\n"
     "    # yaml-language-server: $schema=/usr/share/gengfu/schema/rules.json",
     "  gengfu schema rules > rules.json", NULL, 1, 1, false, cmd_schema},
    {"completion", "bash|zsh", "shell completion, to be sourced", NULL, "  gengfu completion bash > /etc/bash_completion.d/gengfu", NULL, 1,
     1, false, cmd_completion},
    {"version", "", "versions of everything", NULL, "  gengfu version", NULL, 0, 0, false, cmd_version},
    {"help", "[COMMAND]", "this list, or more on one command", NULL, "  gengfu help eval", help_options, 0, 1, false, cmd_help},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};

static const struct cli_command *find(const char *name) {
    const char *names[64];
    size_t n = 0;

    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        if (strcmp(cmd->name, name) == 0)
            return cmd;
        names[n++] = cmd->name;
    }
    const char *near = text_nearest(name, names, n);
    (void)fprintf(stderr, "gengfu: there is no command '%s'%s%s%s (gengfu help)\n", name, near ? "; did you mean '" : "", near ? near : "",
                  near ? "'?" : "");
    return NULL;
}

int cmd_help(struct cli *c) {
    const struct cli_command *cmd = c->nargs > 0 ? find(c->args[0]) : NULL;

    if (c->nargs > 0 && cmd == NULL)
        return EXIT_USAGE;
    if (cli_given(c, "names"))
        for (const struct cli_command *each = cli_commands; each->name != NULL; each++)
            (void)printf("%s\n", each->name);
    else if (cli_given(c, "markdown"))
        cli_help_markdown(stdout);
    else if (cli_given(c, "man") && cmd != NULL)
        cli_help_man(stdout, cmd);
    else if (cli_given(c, "man"))
        cli_help_man_all(stdout);
    else if (cmd != NULL)
        cli_help_command(stdout, cmd);
    else
        cli_help(stdout);
    return EXIT_FINE;
}

int cli_main(int argc, char **argv) {
    struct cli c = {0};
    struct err err = {0};
    int code;

    if (argc < 2) {
        cli_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ? "help"
                       : strcmp(argv[1], "--version") == 0                          ? "version"
                                                                                    : argv[1];

    if (name[0] == '-') {
        (void)fprintf(stderr,
                      "gengfu: '%s' stands where a command should: options go behind it, as in gengfu status --json (gengfu help)\n", name);
        return EXIT_USAGE;
    }
    c.command = find(name);
    if (c.command == NULL)
        return EXIT_USAGE;
    if (cli_parse(&c, argc - 2, argv + 2, &err) < 0) {
        code = cli_usage(&c, "%s", err.text);
    } else if (cli_given(&c, "help")) {
        cli_help_command(stdout, c.command);
        code = EXIT_FINE;
    } else {
        code = c.command->run(&c);
    }
    free(c.args);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code <= EXIT_FOUND) { /* a full disk must not pass for a short list */
        (void)fputs("gengfu: the output could not be written\n", stderr);
        code = EXIT_TROUBLE;
    }
    return code;
}
