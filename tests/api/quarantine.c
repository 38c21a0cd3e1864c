// Box:   tests/api.   Uses: tests/support.h.
// Holds: hardened: what was freed stays away, whatever else the program does,
//        and nobody can say for how long.
// Read next: hak.c
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/api/api_test.h"
#include "tests/support.h"

// So many are freed that a few leave quarantine, which has 32 places for them.
enum { kBytes = 60, kFreed = 44, kBack = 12 };

struct Order {
  int back[kBack];  // which of the freed blocks came back
};

static void* FreeAndTake(void* context) {
  struct Order* order = context;
  char* freed[kFreed];
  for (int i = 0; i < kFreed; ++i) {
    freed[i] = Escape(malloc(kBytes));
    CHECK(freed[i] != NULL);
  }
  for (int i = 0; i < kFreed; ++i) free(freed[i]);
  char* taken[kBack];
  for (int i = 0; i < kBack; ++i) {
    taken[i] = Escape(malloc(kBytes));
    order->back[i] = -1;
    for (int k = 0; k < kFreed; ++k) {
      if (taken[i] == freed[k]) order->back[i] = k;
    }
  }
  for (int i = 0; i < kBack; ++i) free(taken[i]);
  return NULL;
}

static void RunThread(void* (*run)(void*), void* context) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, run, context), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
}

// Two threads that do the same have another order each.
static void TestEachThreadsOrder(void) {
  struct Order first;
  struct Order second;
  RunThread(FreeAndTake, &first);
  RunThread(FreeAndTake, &second);
  int back = 0;
  for (int i = 0; i < kBack; ++i) back += first.back[i] >= 0 ? 1 : 0;
  CHECK(back > kBack / 2);
  CHECK(memcmp(&first, &second, sizeof first) != 0);
}

static void* AllocateLittle(void* context) {
  free(Escape(malloc(100)));
  return context;
}

// A large block stays without access when some other thread ends.
static void TestAThreadEnds(void) {
  volatile char* block = Escape(malloc(100000));
  CHECK(block != NULL);
  block[0] = 1;
  free((void*)block);
  RunThread(AllocateLittle, NULL);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    (void)block[0];
    _exit(0);
  }
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

void TestQuarantine(void) {
  if (!OnHardened()) return;
  TestEachThreadsOrder();
  TestAThreadEnds();
}
