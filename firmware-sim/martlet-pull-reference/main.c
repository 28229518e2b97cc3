// The yardstick of `martlet-fleet bench delivery`: the same pull as a device's, in plain C, and nothing else. Each client
// subscribes to two pages of retained chunks at a time, checks every chunk's SHA-256 and writes it to its place in a file.
//
//   martlet-pull-reference pull PORT DEVICES MAP FOLDER [CA]     chunks from `martlet/v1/blob/{digest}/c/{page}/{index}`
//   martlet-pull-reference fanout PORT DEVICES CHUNKS BYTES [CA] no check and no file: the broker's own limit
//
// Prints `connected`, waits for a line on standard input, and prints `complete N seconds S`.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PAGES_OPEN = 2, FANOUT_WINDOW = 8, PATIENCE_S = 300, DIGEST = 32 };

struct map {
    char digest[80];
    long bytes, chunk_bytes, page_chunks, chunks;
    unsigned char *digests;
};

struct client {
    struct mosquitto *mosquitto;
    int file;
    bool connected, complete;
    unsigned char *held;
    long open[PAGES_OPEN], missing[PAGES_OPEN], next_page, received;
};

static struct map map;
static struct client *clients;
static int count, connected, complete, queue;
static long fanout_chunks, fanout_received;
static EVP_MD *sha256;
static EVP_MD_CTX *context;

static void fail(const char *what) {
    fprintf(stderr, "martlet-pull-reference: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static long chunk_size(long chunk) {
    long left = map.bytes - chunk * map.chunk_bytes;
    return left < map.chunk_bytes ? left : map.chunk_bytes;
}

static void topic_of(char *text, size_t size, long page) {
    snprintf(text, size, "martlet/v1/blob/%s/c/%ld/+", map.digest, page);
}

// Opens the next page in a place, or leaves it closed: then the page is -1.
static void open_page(struct client *client, int place) {
    long pages = (map.chunks + map.page_chunks - 1) / map.page_chunks;
    client->open[place] = -1;
    if (client->next_page >= pages) return;
    long page = client->next_page++;
    long first = page * map.page_chunks, left = map.chunks - first;
    char topic[200];
    topic_of(topic, sizeof topic, page);
    client->open[place] = page;
    client->missing[place] = left < map.page_chunks ? left : map.page_chunks;
    if (mosquitto_subscribe(client->mosquitto, NULL, topic, 0)) fail("subscribe");
}

static void take(struct client *client, long page, long index, const struct mosquitto_message *message) {
    int place = client->open[0] == page ? 0 : client->open[1] == page ? 1 : -1;
    long chunk = page * map.page_chunks + index;
    if (place < 0 || index >= map.page_chunks || chunk >= map.chunks || client->held[chunk]) return;
    if (message->payloadlen != chunk_size(chunk)) return;
    unsigned char digest[DIGEST];
    EVP_DigestInit_ex2(context, sha256, NULL);
    EVP_DigestUpdate(context, message->payload, message->payloadlen);
    EVP_DigestFinal_ex(context, digest, NULL);
    if (memcmp(digest, map.digests + chunk * DIGEST, DIGEST)) return;
    if (pwrite(client->file, message->payload, message->payloadlen, chunk * map.chunk_bytes) != message->payloadlen)
        fail("write");
    client->held[chunk] = 1;
    client->received++;
    if (--client->missing[place] == 0) {
        char topic[200];
        topic_of(topic, sizeof topic, page);
        mosquitto_unsubscribe(client->mosquitto, NULL, topic);
        open_page(client, place);
    }
    if (client->received == map.chunks && !client->complete) {
        client->complete = true;
        complete++;
    }
}

static void on_message(struct mosquitto *mosquitto, void *user, const struct mosquitto_message *message) {
    (void)mosquitto;
    struct client *client = user;
    if (fanout_chunks > 0) {
        fanout_received++;
        if (++client->received == fanout_chunks) complete++;
        return;
    }
    const char *slash = strrchr(message->topic, '/');
    if (!slash || slash == message->topic) return;
    const char *page = slash - 1;
    while (page > message->topic && page[-1] != '/') page--;
    take(client, atol(page), atol(slash + 1), message);
}

static void on_connect(struct mosquitto *mosquitto, void *user, int status) {
    struct client *client = user;
    if (status || client->connected) return;
    client->connected = true;
    connected++;
    if (fanout_chunks > 0) mosquitto_subscribe(mosquitto, NULL, "fanout/+", 0);
}

static void watch(struct client *client, int operation) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (mosquitto_want_write(client->mosquitto)) event.events |= EPOLLOUT;
    epoll_ctl(queue, operation, mosquitto_socket(client->mosquitto), &event);
}

static void start_client(struct client *client, int number, int port, const char *ca) {
    char name[40];
    snprintf(name, sizeof name, "reference-%d", number);
    client->mosquitto = mosquitto_new(name, true, client);
    if (!client->mosquitto) fail("mosquitto_new");
    client->open[0] = client->open[1] = -1;
    mosquitto_int_option(client->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(client->mosquitto, on_connect);
    mosquitto_message_callback_set(client->mosquitto, on_message);
    if (ca && mosquitto_tls_set(client->mosquitto, ca, NULL, NULL, NULL, NULL)) fail("TLS");
    if (mosquitto_connect(client->mosquitto, ca ? "localhost" : "127.0.0.1", port, 600)) fail("connect");
    watch(client, EPOLL_CTL_ADD);
}

// One turn of the loop.
static void turn(void) {
    static double last_misc;
    struct epoll_event events[256];
    int ready = epoll_wait(queue, events, 256, 100);
    for (int i = 0; i < ready; i++) {
        struct client *client = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && mosquitto_loop_read(client->mosquitto, 1)) fail("read");
        if (mosquitto_want_write(client->mosquitto)) mosquitto_loop_write(client->mosquitto, 1);
        if (mosquitto_want_write(client->mosquitto) || events[i].events & EPOLLOUT) watch(client, EPOLL_CTL_MOD);
    }
    if (now() - last_misc > 1) {
        for (int i = 0; i < count; i++) mosquitto_loop_misc(clients[i].mosquitto);
        last_misc = now();
    }
}

static void read_map(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    if (fscanf(file, "%79s %ld %ld %ld %ld", map.digest, &map.bytes, &map.chunk_bytes, &map.page_chunks, &map.chunks) != 5 ||
        map.chunks < 1 || map.chunks > 1 << 20 || fgetc(file) != '\n')
        fail("the map's first line");
    map.digests = malloc(map.chunks * DIGEST);
    if (!map.digests || fread(map.digests, DIGEST, map.chunks, file) != (size_t)map.chunks) fail("the map's digests");
    fclose(file);
}

static void wait_for_line(void) {
    char line[16];
    puts("connected");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) fail("standard input");
}

static void start_pulls(const char *folder) {
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/reference-%d", folder, i);
        clients[i].file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        clients[i].held = calloc(map.chunks, 1);
        if (clients[i].file < 0 || !clients[i].held) fail(path);
        for (int place = 0; place < PAGES_OPEN; place++) open_page(&clients[i], place);
        if (mosquitto_want_write(clients[i].mosquitto)) watch(&clients[i], EPOLL_CTL_MOD);
    }
}

// The last client publishes for all, a few chunks ahead of the slowest, so that nothing is dropped.
static void publish_more(long bytes) {
    static long sent;
    static unsigned char *payload;
    if (!payload && !(payload = calloc(bytes, 1))) fail("memory");
    while (sent < fanout_chunks && fanout_received >= (sent - FANOUT_WINDOW) * count) {
        char topic[40];
        snprintf(topic, sizeof topic, "fanout/%ld", sent++);
        struct mosquitto *publisher = clients[count - 1].mosquitto;
        if (mosquitto_publish(publisher, NULL, topic, bytes, payload, 0, false)) fail("publish");
        if (mosquitto_want_write(publisher)) watch(&clients[count - 1], EPOLL_CTL_MOD);
    }
}

int main(int argc, char **argv) {
    bool is_fanout = argc >= 6 && !strcmp(argv[1], "fanout"), is_pull = argc >= 6 && !strcmp(argv[1], "pull");
    if (!is_fanout && !is_pull) {
        fputs("usage: martlet-pull-reference pull PORT DEVICES MAP FOLDER [CA] | fanout PORT DEVICES CHUNKS BYTES [CA]\n", stderr);
        return 64;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    count = atoi(argv[3]);
    clients = calloc(count > 0 ? count : 1, sizeof *clients);
    queue = epoll_create1(EPOLL_CLOEXEC);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    context = EVP_MD_CTX_new();
    if (count < 1 || !clients || queue < 0 || !sha256 || !context) fail("setting up");
    long bytes = atol(argv[5]);
    if (is_fanout) fanout_chunks = atol(argv[4]);
    if (is_fanout && (fanout_chunks < 1 || bytes < 1)) fail("chunks and bytes");
    if (is_pull) read_map(argv[4]);
    mosquitto_lib_init();
    for (int i = 0; i < count; i++) start_client(&clients[i], i, atoi(argv[2]), argc > 6 ? argv[6] : NULL);
    while (connected < count) turn();
    wait_for_line();
    double start = now();
    if (is_pull) start_pulls(argv[5]);
    while (complete < count && now() - start < PATIENCE_S) {
        if (is_fanout) publish_more(bytes);
        turn();
    }
    printf("complete %d seconds %.4f\n", complete, now() - start);
    return complete == count ? 0 : 1;
}
