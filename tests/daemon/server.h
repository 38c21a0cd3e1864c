// The HTTP side: some threads, each with an event loop, a listening socket of
// its own on the same port (SO_REUSEPORT) and a Lua state of its own.
//
// Read next: server.c (threads and sockets), handlers.c (what is served)

#ifndef TESTS_DAEMON_SERVER_H_
#define TESTS_DAEMON_SERVER_H_

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/daemon/options.h"
#include "tests/daemon/rules.h"
#include "tests/daemon/store.h"

struct event_base;
struct evhttp;
struct evhttp_request;
struct Server;

struct Worker {
  struct Server* server;
  int index;
  pthread_t thread;
  struct event_base* base;
  struct evhttp* http;
  struct Rules* rules;
};

struct Server {
  struct Store* store;
  struct Worker workers[kMaxWorkers];
  int worker_count;
  uint16_t port;
  atomic_llong requests;
  atomic_llong accepted;  // records
  atomic_llong rejected;
  atomic_llong failures;  // answers of 500 and above
};

// Opens everything and starts the threads.  NULL: `why` holds a sentence.
struct Server* ServerStart(const struct Options* options, char* why,
                           size_t size);

// Stops the threads, waits for them, frees everything.  NULL is fine.
void ServerStop(struct Server* server);

// Answers one request; called by libevent on the worker's thread.
void HandleRequest(struct evhttp_request* request, void* worker);

#endif  // TESTS_DAEMON_SERVER_H_
