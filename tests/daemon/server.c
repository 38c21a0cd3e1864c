// Threads and sockets.   Read next: handlers.c

#include "tests/daemon/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/thread.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kBacklog = 128, kMaxBody = 1 << 20, kMaxHeaders = 16 << 10 };

// A listening socket on 127.0.0.1:*port; fills in *port if it was 0.  -1 and
// errno on failure.
static int Listen(uint16_t* port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  struct sockaddr_in address = {
      .sin_family = AF_INET,
      .sin_port = htons(*port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  socklen_t length = sizeof address;
  // Accepted sockets inherit TCP_NODELAY; without it the end of a long answer
  // waits 40 ms for an acknowledgement.
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      bind(fd, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(fd, kBacklog) != 0 ||
      getsockname(fd, (struct sockaddr*)&address, &length) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  *port = ntohs(address.sin_port);
  return fd;
}

static void* Serve(void* argument) {
  struct Worker* worker = argument;
  event_base_loop(worker->base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

static int OpenWorker(struct Worker* worker, const struct Options* options,
                      char* why, size_t size) {
  worker->rules = RulesOpen(options->rules, why, size);
  if (worker->rules == NULL) return -1;
  worker->base = event_base_new();
  worker->http = worker->base == NULL ? NULL : evhttp_new(worker->base);
  if (worker->http == NULL) {
    snprintf(why, size, "no event loop: %s", strerror(errno));
    return -1;
  }
  evhttp_set_allowed_methods(worker->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
                                               EVHTTP_REQ_POST |
                                               EVHTTP_REQ_DELETE);
  evhttp_set_max_body_size(worker->http, kMaxBody);
  evhttp_set_max_headers_size(worker->http, kMaxHeaders);
  evhttp_set_timeout(worker->http, 30);
  evhttp_set_gencb(worker->http, HandleRequest, worker);
  int fd = Listen(&worker->server->port);
  if (fd < 0) {
    snprintf(why, size, "port %u: %s", worker->server->port, strerror(errno));
    return -1;
  }
  if (evhttp_accept_socket(worker->http, fd) != 0) {
    snprintf(why, size, "no listener: %s", strerror(errno));
    close(fd);
    return -1;
  }
  return 0;
}

static void CloseWorker(struct Worker* worker) {
  if (worker->http != NULL) evhttp_free(worker->http);
  if (worker->base != NULL) event_base_free(worker->base);
  RulesClose(worker->rules);
}

// Starts the threads once all workers are open: a failure in between would
// have to stop half a server.
static int StartThreads(struct Server* server, char* why, size_t size) {
  for (int i = 0; i < server->worker_count; ++i) {
    struct Worker* worker = &server->workers[i];
    int error = pthread_create(&worker->thread, NULL, Serve, worker);
    if (error != 0) {
      snprintf(why, size, "no thread: %s", strerror(error));
      while (--i >= 0) {
        event_base_loopbreak(server->workers[i].base);
        pthread_join(server->workers[i].thread, NULL);
      }
      return -1;
    }
  }
  return 0;
}

static void FreeServer(struct Server* server) {
  for (int i = 0; i < server->worker_count; ++i) {
    CloseWorker(&server->workers[i]);
  }
  StoreClose(server->store);
  free(server);
  libevent_global_shutdown();
}

struct Server* ServerStart(const struct Options* options, char* why,
                           size_t size) {
  struct Server* server = calloc(1, sizeof *server);
  if (server == NULL || evthread_use_pthreads() != 0) {
    snprintf(why, size, "out of memory");
    free(server);
    return NULL;
  }
  server->port = (uint16_t)options->port;
  server->store = StoreOpen(options->database, why, size);
  int result = server->store == NULL ? -1 : 0;
  while (result == 0 && server->worker_count < options->workers) {
    struct Worker* worker = &server->workers[server->worker_count];
    worker->server = server;
    worker->index = server->worker_count++;
    result = OpenWorker(worker, options, why, size);
  }
  if (result == 0) result = StartThreads(server, why, size);
  if (result == 0) return server;
  FreeServer(server);
  return NULL;
}

void ServerStop(struct Server* server) {
  if (server == NULL) return;
  for (int i = 0; i < server->worker_count; ++i) {
    event_base_loopbreak(server->workers[i].base);
  }
  for (int i = 0; i < server->worker_count; ++i) {
    pthread_join(server->workers[i].thread, NULL);
  }
  FreeServer(server);
}
