// A few threads that wait for work: what large layers are shared among when a model is loaded with threads.
#ifndef MARTLET_EDGE_THREADS_H
#define MARTLET_EDGE_THREADS_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { edge_maximum_threads = 64 };

/// One part of a piece of work; called once per part, at the same time on different threads.
typedef void (*edge_part)(void *context, int part);

struct edge_pool;

struct edge_worker {
    struct edge_pool *pool;
    pthread_t thread;
    int part;
};

struct edge_pool {
    pthread_mutex_t lock;
    pthread_cond_t start;
    pthread_cond_t done;
    edge_part body;
    void *context;
    unsigned long generation;
    int pending;
    int stopping;
    int workers;
    struct edge_worker worker[edge_maximum_threads];
};

static inline void *edge_worker_main(void *argument) {
    struct edge_worker *worker = (struct edge_worker *)argument;
    struct edge_pool *pool = worker->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->generation == seen && !pool->stopping) pthread_cond_wait(&pool->start, &pool->lock);
        if (pool->stopping) break;
        seen = pool->generation;
        pthread_mutex_unlock(&pool->lock);
        pool->body(pool->context, worker->part);
        pthread_mutex_lock(&pool->lock);
        if (--pool->pending == 0) pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/// Ends the threads and frees the pool. No work may be under way.
static inline void edge_pool_destroy(struct edge_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->stopping = 1;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    for (int index = 0; index < pool->workers; index++) pthread_join(pool->worker[index].thread, NULL);
    pthread_cond_destroy(&pool->start);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/// `threads` − 1 waiting threads, 2...edge_maximum_threads in all with the caller's; NULL when they cannot be had. They
/// take no signals.
static inline struct edge_pool *edge_pool_create(int threads) {
    struct edge_pool *pool = (struct edge_pool *)calloc(1, sizeof(struct edge_pool));
    if (pool == NULL) return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->done, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0;
    for (int index = 0; index < threads - 1 && !failed; index++) {
        struct edge_worker *worker = &pool->worker[index];
        worker->pool = pool;
        worker->part = index + 1;
        failed = pthread_create(&worker->thread, NULL, edge_worker_main, worker);
        if (!failed) pool->workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        edge_pool_destroy(pool);
        return NULL;
    }
    return pool;
}

/// Runs all parts, the first on the calling thread, and returns when the last is done.
static inline void edge_pool_run(struct edge_pool *pool, edge_part body, void *context) {
    pthread_mutex_lock(&pool->lock);
    pool->body = body;
    pool->context = context;
    pool->pending = pool->workers;
    pool->generation++;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    body(context, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->pending > 0) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

#endif
