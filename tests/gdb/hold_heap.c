// A heap that stands still for a debugger: writes its gauges to argv[1], prints
// what lies where, and waits for its end.

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc/wrap/hakmem.h"
#include "tests/check.h"

enum { kBlocks = 20000 };
static void* g_blocks[kBlocks];

static void* Thread(void* arg) {
  for (int i = 0; i < kBlocks / 4; ++i) {
    g_blocks[i] = malloc(20 + (size_t)(i % 500));
  }
  return arg;
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, Thread, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  for (int i = kBlocks / 4; i < kBlocks; ++i) {
    g_blocks[i] = malloc(30 + (size_t)(i % 700));
  }
  for (int i = 0; i < kBlocks; i += 3) {
    free(g_blocks[i]);
    g_blocks[i] = NULL;
  }
  static char global;
  char* small = malloc(100);
  char* freed = malloc(2000);
  char* large = malloc(100000);
  char* huge = malloc((size_t)50 << 20);
  char* volatile dangling = freed;
  free(freed);
  const int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(fd >= 0);
  CHECK(hak_stats_write(fd, HAK_JSON) == 0);
  CHECK(close(fd) == 0);
  char line[300];
  const int length = snprintf(line, sizeof(line),
                              "small %p\nfreed %p\nlarge %p\nhuge %p\n"
                              "global %p\nready\n",
                              (void*)small, (void*)dangling, (void*)large,
                              (void*)huge, (void*)&global);
  CHECK(write(1, line, (size_t)length) == length);
  for (;;) pause();
}
