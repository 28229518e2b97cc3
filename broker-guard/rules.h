#ifndef MARTLET_GUARD_RULES_H
#define MARTLET_GUARD_RULES_H

#include <stdbool.h>

enum { RULE_READ = 1, RULE_WRITE = 2 };

/* Reads the broker's access rules (the file of `acl_file`). On an error the old ones stay. Returns NULL, or why not. */
const char *rules_load(const char *path);

/* Whether the rules let `user` do `access` (RULE_…) on a topic, or on all that a subscription's filter stands for. */
bool rules_allow(const char *user, int access, const char *filter);

#endif
