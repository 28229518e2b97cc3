#ifndef MARTLET_GUARD_RULES_H
#define MARTLET_GUARD_RULES_H

enum { RULE_READ = 1, RULE_WRITE = 2 };

/* Which kind of rule allows something. */
enum permission { RULE_NONE, RULE_OF_EVERYBODY, RULE_OF_USER };

/* Reads the broker's access rules (the file of `acl_file`). On an error the old ones stay. Returns NULL, or why not. */
const char *rules_load(const char *path);

/* By what `user` may do `access` (RULE_READ or RULE_WRITE) on a topic, or on all that a filter stands for. */
enum permission rules_allow(const char *user, int access, const char *filter);

#endif
