#ifndef MARTLET_GUARD_REPORT_H
#define MARTLET_GUARD_REPORT_H

/* What was refused. Texts may be NULL and hold anything. */
struct refusal {
    const char *kind;     /* "publish" (or a last will), "subscribe", "connect" */
    const char *identity; /* common name of the certificate */
    const char *client;   /* client id */
    const char *address;
    const char *topic;    /* topic or filter */
};

/* Logs a refusal and publishes it to `topic`, unless its identity or everybody has done so too often of late. */
void report(const char *topic, const struct refusal *refusal);

#endif
