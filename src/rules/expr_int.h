/* SPDX-License-Identifier: Apache-2.0
 * Private to the rules module: CEL expressions that stand in YAML, and who frees them. */
#ifndef RULES_EXPR_INT_H
#define RULES_EXPR_INT_H

#include "gengfu/cel/cel.h"
#include "gengfu/rules/model.h"
#include "gengfu/rules/node.h"

/* Programs are on the heap; this list owns those of a model. */
struct programs {
    struct cel_program **items;
    size_t n, cap;
};
void programs_done(struct programs *ps);
GF_WARN_UNUSED int programs_add(struct programs *ps, struct cel_program *p);

/* False (and reported) when the node cannot be an expression at all. */
bool expr_scalar(struct reader *rd, const struct yaml_node *n, const char *what);
/* Compiles the node; every mistake is reported at its place. want: CEL_DECL_DYN, or what it must give. */
bool expr_read(struct reader *rd, struct programs *ps, const struct cel_env *env, const struct yaml_node *n, const char *what,
               enum cel_decl_type want, struct rules_expr *ret);
/* Where a read's field stands ("power_w" of "event.power_w"), or the whole read. begin: where the expression begins in the scalar. */
struct place expr_field_place(const struct yaml_node *n, size_t begin, const struct cel_read *read);
/* Warns of a comment in folded lines: it takes those below it along. */
void expr_comments(struct reader *rd, const struct yaml_node *n, size_t begin, size_t end);
void expr_report(struct reader *rd, const struct yaml_node *n, size_t begin, const struct cel_diags *diags);

#endif
