/* Tells of refusals: in the log, and in a message for the controller (`refusal` in docs/martlet.cddl). */

#include "report.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WINDOW_SECONDS = 60, PER_SENDER = 5, IN_ALL = 100, SENDERS = 256, PROBES = 32, MAX_NAME = 65, MAX_TEXT = 201 };

/* Refusals that one message stands for at most (docs/martlet.cddl). */
#define MOST_COUNTED 1000000u

/* Refusals of one identity. Only when all places that it may have are taken do several share one. */
struct sender {
    char name[MAX_NAME];
    time_t since;
    unsigned told;   /* within the window */
    unsigned silent; /* since one was told */
};

static struct sender senders[SENDERS], everybody;

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Whether one more may be told in this window. */
static bool has_room(struct sender *sender, unsigned limit, time_t now)
{
    if (sender->since == 0 || now - sender->since >= WINDOW_SECONDS) {
        sender->since = now;
        sender->told = 0;
    }
    return sender->told < limit;
}

static struct sender *find(const char *name, time_t now)
{
    unsigned hash = 2166136261u;
    for (const char *c = name; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct sender *place = NULL;
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct sender *sender = &senders[(hash + probe) % SENDERS];
        if (sender->since != 0 && strcmp(sender->name, name) == 0) return sender;
        bool is_over = sender->since == 0 || now - sender->since >= WINDOW_SECONDS;
        if (place == NULL && is_over) place = sender;
    }
    /* Whoever fills so many places hides only those who share the first one with it. */
    if (place == NULL) return &senders[hash % SENDERS];
    memset(place, 0, sizeof *place);
    snprintf(place->name, sizeof place->name, "%.64s", name);
    return place;
}

/* Printable ASCII stays, all else becomes \xNN; what does not fit is cut off. */
static const char *escaped(char to[MAX_TEXT], const char *from)
{
    size_t length = 0;
    for (const unsigned char *c = (const unsigned char *)(from ? from : ""); *c != '\0'; c++) {
        bool is_plain = *c >= 0x20 && *c < 0x7f && *c != '\\';
        size_t more = is_plain ? 1 : 4;
        if (length + more >= MAX_TEXT) break;
        snprintf(to + length, 5, is_plain ? "%c" : "\\x%02x", *c);
        length += more;
    }
    to[length] = '\0';
    return to;
}

/* Deterministic CBOR (RFC 8949, 4.2.1) of a number below 2^32 with its major type in the top bits. */
static unsigned char *put_head(unsigned char *at, unsigned char major, unsigned value)
{
    if (value < 24) {
        *at++ = major | (unsigned char)value;
        return at;
    }
    int bytes = value < 0x100 ? 1 : value < 0x10000 ? 2 : 4;
    *at++ = major | (bytes == 1 ? 24 : bytes == 2 ? 25 : 26);
    while (bytes-- > 0) *at++ = (unsigned char)(value >> (8 * bytes));
    return at;
}

static unsigned char *put_text(unsigned char *at, unsigned key, const char *text)
{
    size_t length = strlen(text);
    at = put_head(put_head(at, 0x00, key), 0x60, (unsigned)length);
    memcpy(at, text, length);
    return at + length;
}

static void publish(const char *topic, const char *const texts[5], unsigned count)
{
    unsigned char message[5 * (MAX_TEXT + 4) + 8], *at = message;
    *at++ = 0xa6;
    for (unsigned i = 0; i < 5; i++) at = put_text(at, i + 1, texts[i]);
    at = put_head(put_head(at, 0x00, 6), 0x00, count);
    mosquitto_broker_publish_copy(NULL, topic, (int)(at - message), message, 1, false, NULL);
}

void report(const char *topic, const struct refusal *refusal)
{
    char identity[MAX_TEXT], client[MAX_TEXT], address[MAX_TEXT], about[MAX_TEXT];
    time_t now = seconds();
    escaped(identity, refusal->identity);
    identity[MAX_NAME - 1] = '\0';
    struct sender *sender = find(identity, now);
    bool may_tell = has_room(&everybody, IN_ALL, now);
    if (!has_room(sender, PER_SENDER, now) || !may_tell) {
        if (sender->silent < MOST_COUNTED - 1) sender->silent++;
        return;
    }
    unsigned count = sender->silent + 1;
    sender->told++;
    everybody.told++;
    sender->silent = 0;
    escaped(client, refusal->client);
    escaped(address, refusal->address);
    escaped(about, refusal->topic);
    mosquitto_log_printf(
        MOSQ_LOG_WARNING, "martlet-guard: refused %s by %s (client id '%s', %s; %u since last told): '%s'",
        refusal->kind, identity, client, address, count, about);
    const char *const texts[5] = {refusal->kind, identity, client, address, about};
    publish(topic, texts, count);
}
