// A small, real daemon, built from other people's static libraries: libevent
// speaks HTTP, Lua runs the rules, SQLite stores.  It is what hakmem is for,
// so it uses malloc as such programs do and knows nothing of hakmem but the
// gauges.
//
// Read next: server.h

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/daemon/options.h"
#include "tests/daemon/server.h"

int main(int argc, char** argv) {
  struct Options options;
  ParseOptions(argc, argv, &options);

  // Blocked here and thereby in every thread; the main thread waits for them.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);
  signal(SIGPIPE, SIG_IGN);

  char why[512];
  struct Server* server = ServerStart(&options, why, sizeof why);
  if (server == NULL) {
    fprintf(stderr, "telemetryd: cannot start: %s\n", why);
    return 2;
  }
  printf("listening on 127.0.0.1:%u\n", server->port);
  fflush(stdout);
  int signal_number = 0;
  sigwait(&stop, &signal_number);
  ServerStop(server);
  return 0;
}
