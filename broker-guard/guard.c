/*
 * martlet-guard: a plugin of mosquitto 2.0 that tells of what the broker refuses.
 *
 * mosquitto notes a refusal by its access rules in its debug log alone, so nobody is alerted. Reading and writing are
 * still decided by `acl_file`: here the same rules are only looked up in order to tell. The guard itself refuses
 *   - a client id that is not the common name of the client's certificate,
 *   - a subscription beyond what the rules let its owner read (mosquitto takes it, and delivers nothing),
 *   - a device's filter that stands for more of the blobs than one page: all that is retained for it would wait in
 *     the broker's memory, were it not read, and
 *   - whatever anybody publishes to the guard's own topic.
 *
 * mosquitto.conf:  plugin /path/martlet-guard.so
 *                  plugin_opt_rules /path/of/acl_file
 *                  plugin_opt_topic martlet/v1/security/refused
 *                  plugin_opt_blobs martlet/v1/blob/
 * Without use_identity_as_username and use_username_as_clientid: with these mosquitto asks no plugin at a CONNECT, and
 * has forgotten the client id that was asked for.
 */

#include "report.h"
#include "rules.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
/* All else is hidden from the broker. */
#pragma GCC visibility push(default)
#include <mosquitto_plugin.h>
#pragma GCC visibility pop
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char rules_path[1024], topic[256], blobs[256];
static mosquitto_plugin_id_t *plugin;

static int refuse(const char *kind, struct mosquitto *client, const char *identity, const char *about, int code)
{
    struct refusal refusal = {
        kind, identity, mosquitto_client_id(client), mosquitto_client_address(client), about};
    report(topic, &refusal);
    return code;
}

/* The filter within `$share/GROUP/FILTER`, else all of it. */
static const char *shared_filter(const char *filter)
{
    if (strncmp(filter, "$share/", 7) != 0) return filter;
    const char *slash = strchr(filter + 7, '/');
    return slash ? slash + 1 : filter;
}

/* Whether a filter stands for more of the blobs than a map, a chunk, or the chunks of one page. */
static bool is_wide(const char *filter)
{
    if (blobs[0] == '\0' || strncmp(filter, blobs, strlen(blobs)) != 0) return false;
    size_t open = strcspn(filter, "+#");
    return filter[open] == '#' || (filter[open] == '+' && filter[open + 1] != '\0');
}

static bool may_subscribe(const char *user, const char *filter)
{
    switch (rules_allow(user, RULE_READ, filter)) {
    case RULE_OF_USER: return true;
    case RULE_OF_EVERYBODY: return !is_wide(filter);
    default: return false;
    }
}

static int check_access(int event, void *data, void *userdata)
{
    (void)event, (void)userdata;
    const struct mosquitto_evt_acl_check *asked = data;
    const char *user = mosquitto_client_username(asked->client);
    if (user == NULL) user = "";
    switch (asked->access) {
    case MOSQ_ACL_SUBSCRIBE:
        if (may_subscribe(user, shared_filter(asked->topic))) return MOSQ_ERR_PLUGIN_DEFER;
        return refuse("subscribe", asked->client, user, asked->topic, MOSQ_ERR_ACL_DENIED);
    case MOSQ_ACL_WRITE:
        if (strcmp(asked->topic, topic) == 0)
            return refuse("publish", asked->client, user, asked->topic, MOSQ_ERR_ACL_DENIED);
        if (rules_allow(user, RULE_WRITE, asked->topic)) return MOSQ_ERR_PLUGIN_DEFER;
        return refuse("publish", asked->client, user, asked->topic, MOSQ_ERR_PLUGIN_DEFER);
    default:
        return MOSQ_ERR_PLUGIN_DEFER;
    }
}

/* The common name of the client's certificate, which the broker has verified. False without one that is usable. */
static bool common_name(struct mosquitto *client, char name[65])
{
    X509 *certificate = mosquitto_client_certificate(client);
    if (certificate == NULL) return false;
    int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, 65);
    X509_free(certificate);
    /* A NUL within would cut the name short. */
    return length > 0 && (size_t)length == strlen(name);
}

/* Who connects is who its certificate says. mosquitto asks again for every session when it reads its files anew. */
static int check_identity(int event, void *data, void *userdata)
{
    (void)event, (void)userdata;
    struct mosquitto_evt_basic_auth *asked = data;
    char name[65] = "";
    const char *id = mosquitto_client_id(asked->client);
    if (!common_name(asked->client, name)) return MOSQ_ERR_AUTH;
    size_t length = strlen(name);
    bool is_own = id != NULL && strncmp(id, name, length) == 0;
    /* `martlet-agent doctor` looks on beside the agent: no device's name has a colon. */
    if (!is_own || (id[length] != '\0' && strcmp(id + length, ":doctor") != 0))
        return refuse("connect", asked->client, name, "", MOSQ_ERR_AUTH);
    return mosquitto_set_username(asked->client, name) == MOSQ_ERR_SUCCESS ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
}

static int reload_rules(int event, void *data, void *userdata)
{
    (void)event, (void)data, (void)userdata;
    const char *problem = rules_load(rules_path);
    if (problem) mosquitto_log_printf(MOSQ_LOG_ERR, "martlet-guard: %s %s", rules_path, problem);
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++) {
        if (versions[i] == 5) return 5;
    }
    return -1;
}

static void keep_option(const struct mosquitto_opt *option, const char *name, char *to, size_t room)
{
    if (strcmp(option->key, name) == 0 && strlen(option->value) < room) snprintf(to, room, "%s", option->value);
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *options, int count)
{
    (void)userdata;
    plugin = id;
    for (int i = 0; i < count; i++) {
        keep_option(&options[i], "rules", rules_path, sizeof rules_path);
        keep_option(&options[i], "topic", topic, sizeof topic);
        keep_option(&options[i], "blobs", blobs, sizeof blobs);
    }
    const char *problem = topic[0] == '\0' ? "needs plugin_opt_rules and plugin_opt_topic" : rules_load(rules_path);
    if (problem) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "martlet-guard: %s %s", rules_path, problem);
        return MOSQ_ERR_INVAL;
    }
    if (blobs[0] == '\0')
        mosquitto_log_printf(
            MOSQ_LOG_WARNING, "martlet-guard: without plugin_opt_blobs devices may subscribe to all blobs at once");
    int code = mosquitto_callback_register(id, MOSQ_EVT_ACL_CHECK, check_access, NULL, NULL);
    if (code == 0) code = mosquitto_callback_register(id, MOSQ_EVT_BASIC_AUTH, check_identity, NULL, NULL);
    if (code == 0) code = mosquitto_callback_register(id, MOSQ_EVT_RELOAD, reload_rules, NULL, NULL);
    return code;
}

int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int count)
{
    (void)userdata, (void)options, (void)count;
    mosquitto_callback_unregister(plugin, MOSQ_EVT_ACL_CHECK, check_access, NULL);
    mosquitto_callback_unregister(plugin, MOSQ_EVT_BASIC_AUTH, check_identity, NULL);
    mosquitto_callback_unregister(plugin, MOSQ_EVT_RELOAD, reload_rules, NULL);
    return MOSQ_ERR_SUCCESS;
}
