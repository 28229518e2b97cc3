/* The broker's access rules, read from the very file that mosquitto decides by. */

#include "rules.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_RULES = 64, MAX_NAME = 65, MAX_FILTER = 256 };

struct rule {
    char user[MAX_NAME]; /* empty: for everybody, with %u in the filter */
    int access;
    char filter[MAX_FILTER];
};

struct rules {
    int count;
    struct rule rule[MAX_RULES];
};

static struct rules rules;

/* Whether every topic that `filter` stands for is one of `rule`'s. */
static bool covers(const char *rule, const char *filter)
{
    if ((*rule == '$') != (*filter == '$')) return false;
    for (;;) {
        size_t ours = strcspn(rule, "/"), theirs = strcspn(filter, "/");
        if (ours == 1 && *rule == '#') return true;
        if (theirs == 1 && *filter == '#') return false;
        bool any = ours == 1 && *rule == '+';
        if (!any && (ours != theirs || memcmp(rule, filter, ours) != 0)) return false;
        rule += ours;
        filter += theirs;
        if (*filter == '\0') return *rule == '\0' || strcmp(rule, "/#") == 0;
        if (*rule == '\0') return false;
        rule++;
        filter++;
    }
}

/* Puts `user` in the place of every %u. False if that does not fit. */
static bool expand(char *to, size_t room, const char *pattern, const char *user)
{
    size_t length = 0, name = strlen(user);
    for (; *pattern != '\0'; pattern++) {
        bool is_user = pattern[0] == '%' && pattern[1] == 'u';
        size_t more = is_user ? name : 1;
        if (length + more >= room) return false;
        memcpy(to + length, is_user ? user : pattern, more);
        length += more;
        if (is_user) pattern++;
    }
    to[length] = '\0';
    return true;
}

enum permission rules_allow(const char *user, int access, const char *filter)
{
    char own[MAX_FILTER + 8 * MAX_NAME];
    /* As mosquitto does: such a name would be a pattern itself. */
    if (strpbrk(user, "+#/") != NULL) return RULE_NONE;
    enum permission found = RULE_NONE;
    for (int i = 0; i < rules.count; i++) {
        const struct rule *rule = &rules.rule[i];
        if ((rule->access & access) == 0) continue;
        if (rule->user[0] != '\0') {
            if (strcmp(rule->user, user) == 0 && covers(rule->filter, filter)) return RULE_OF_USER;
        } else if (expand(own, sizeof own, rule->filter, user) && covers(own, filter)) {
            found = RULE_OF_EVERYBODY;
        }
    }
    return found;
}

static int access_named(const char *word)
{
    if (strcmp(word, "read") == 0) return RULE_READ;
    if (strcmp(word, "write") == 0) return RULE_WRITE;
    return strcmp(word, "readwrite") == 0 ? RULE_READ | RULE_WRITE : 0;
}

/* One line; `user` is the one that `topic` lines belong to, and changes with a `user` line. */
static bool read_line(struct rules *into, const char *line, char user[MAX_NAME])
{
    char kind[16] = "", access[16] = "", filter[MAX_FILTER] = "";
    int words = sscanf(line, "%15s %15s %255s", kind, access, filter);
    if (words < 1 || kind[0] == '#') return true;
    if (strcmp(kind, "user") == 0) return sscanf(line, "user %64s", user) == 1;
    bool is_pattern = strcmp(kind, "pattern") == 0;
    if (words != 3 || access_named(access) == 0 || into->count == MAX_RULES) return false;
    if (!is_pattern && (strcmp(kind, "topic") != 0 || user[0] == '\0')) return false;
    struct rule *rule = &into->rule[into->count++];
    snprintf(rule->user, sizeof rule->user, "%s", is_pattern ? "" : user);
    snprintf(rule->filter, sizeof rule->filter, "%s", filter);
    rule->access = access_named(access);
    return true;
}

const char *rules_load(const char *path)
{
    static struct rules fresh; /* not on the stack: 20 KiB */
    char line[512], user[MAX_NAME] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL) return "cannot be read";
    memset(&fresh, 0, sizeof fresh);
    bool is_good = true;
    while (is_good && fgets(line, sizeof line, file) != NULL) {
        bool is_whole = strchr(line, '\n') != NULL || feof(file);
        if (!is_whole && line[0] == '#') { /* a long comment: its rest is skipped */
            for (int byte = 0; byte != '\n' && byte != EOF;) byte = fgetc(file);
            continue;
        }
        is_good = is_whole && read_line(&fresh, line, user);
    }
    is_good = is_good && ferror(file) == 0;
    fclose(file);
    if (!is_good) return "has a line that is not `user NAME`, `topic|pattern read|write|readwrite FILTER` or `# …`";
    rules = fresh;
    return NULL;
}
