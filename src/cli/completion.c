/* SPDX-License-Identifier: Apache-2.0
 * gengfu completion: bash and zsh completion out of the command table. */
#include <string.h>

#include "cli_int.h"

static void words(const struct cli_command *cmd) {
    for (const struct cli_option *o = cmd->options; o != NULL && o->name != NULL; o++)
        (void)printf(" --%s", o->name);
    for (const struct cli_option *o = cli_common; o->name != NULL; o++)
        (void)printf(" --%s", o->name);
}

static void bash(void) {
    (void)printf("_gengfu() {\n    local cur=${COMP_WORDS[COMP_CWORD]}\n    if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W '");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++)
        (void)printf("%s%s", cmd == cli_commands ? "" : " ", cmd->name);
    (void)printf("' -- \"$cur\")); return; fi\n    case ${COMP_WORDS[1]} in\n");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)printf("    %s) COMPREPLY=($(compgen -W '", cmd->name);
        words(cmd);
        (void)printf("' -- \"$cur\"));;\n");
    }
    (void)printf("    esac\n    [ \"${cur#-}\" = \"$cur\" ] && COMPREPLY+=($(compgen -f -- \"$cur\"))\n}\ncomplete -F _gengfu gengfu\n");
}

static void zsh(void) {
    (void)printf("#compdef gengfu\n_gengfu() {\n    local -a commands\n    commands=(\n");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++)
        (void)printf("        '%s:%s'\n", cmd->name, cmd->about);
    (void)printf("    )\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n    case $words[2] in\n");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)printf("    %s) compadd --", cmd->name);
        words(cmd);
        (void)printf(";;\n");
    }
    (void)printf("    esac\n    _files\n}\ncompdef _gengfu gengfu\n");
}

int cmd_completion(struct cli *c) {
    if (strcmp(c->args[0], "bash") == 0)
        bash();
    else if (strcmp(c->args[0], "zsh") == 0)
        zsh();
    else
        return cli_usage(c, "completion for bash or zsh, not for '%s'", c->args[0]);
    return EXIT_FINE;
}
