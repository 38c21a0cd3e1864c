// Box:   tests/process.   Uses: tests/support.h.
// Holds: fork from a process whose threads allocate, fork racing the first
//        allocation, vfork and posix_spawn. `fork_test 10000` forks that often
//        (default 200).
// Read next: limits_test.c
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "tests/support.h"

enum { kThreads = 8, kShared = 64, kChildSeconds = 30 };

extern char** environ;

static atomic_bool stop;
// Blocks of the parent's threads; a child may free those it finds, for its
// copy of the heap is its own.
static _Atomic(unsigned char*) shared[kThreads][kShared];

static void* Allocate(void* index) {
  const size_t me = (size_t)(uintptr_t)index;
  Random r = {me};
  while (!atomic_load(&stop)) {
    const size_t i = RandomBelow(&r, kShared);
    const size_t n = RandomSize(&r, i == 0 ? 20 : 13);
    unsigned char* p = (unsigned char*)Escape(malloc(n));
    CHECK(p != NULL);
    p[0] = (unsigned char)me;
    // The neighbour frees it half of the time: remote frees in flight.
    const size_t whose = RandomBelow(&r, 2) ? me : (me + 1) % kThreads;
    unsigned char* const old = atomic_exchange(&shared[whose][i], p);
    free(old);
  }
  return NULL;
}

// A child allocates, frees what it allocated and what its parent did, starts
// a thread, and forks once more.
static void* ChildThread(void* unused) {
  for (size_t n = 1; n < 200000; n = n * 2 + 1) free(Escape(malloc(n)));
  return unused;
}

static void UseHeap(void) {
  void* blocks[200];
  Random r = {(uint64_t)getpid()};
  for (int i = 0; i < 200; ++i) {
    const size_t n = RandomSize(&r, 14);
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, n);
  }
  for (int i = 0; i < 200; ++i) free(blocks[i]);
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kShared; ++i) {
      free(atomic_exchange(&shared[t][i], NULL));
    }
  }
}

static void WaitFor(pid_t pid) {
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
}

// fork from a threaded process may only call async-signal-safe functions, says
// POSIX; glibc and musl promise malloc, and every shell and daemon uses it.
static void ForkOnce(int i) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(kChildSeconds);
    UseHeap();
    if (i % 10 == 0) {
      pthread_t thread;
      CHECK_EQ(pthread_create(&thread, NULL, ChildThread, NULL), 0);
      CHECK_EQ(pthread_join(thread, NULL), 0);
      const pid_t grandchild = fork();
      if (grandchild == 0) {
        UseHeap();
        _exit(0);
      }
      WaitFor(grandchild);
    }
    _exit(0);
  }
  WaitFor(pid);
}

static void TestForks(int forks) {
  pthread_t threads[kThreads];
  atomic_store(&stop, false);
  for (uintptr_t i = 0; i < kThreads; ++i) {
    CHECK_EQ(pthread_create(&threads[i], NULL, Allocate, (void*)i), 0);
  }
  for (int i = 0; i < forks; ++i) ForkOnce(i);
  atomic_store(&stop, true);
  for (int i = 0; i < kThreads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  UseHeap();
}

// Threads fork at the same time, too.
static void* ForkLoop(void* forks) {
  for (int i = 0; i < (int)(uintptr_t)forks; ++i) ForkOnce(1);
  return NULL;
}

static void TestForksFromThreads(int forks) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    void* const arg = (void*)(uintptr_t)(forks / 4);
    CHECK_EQ(pthread_create(&threads[i], NULL, ForkLoop, arg), 0);
  }
  for (int i = 0; i < 4; ++i) CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

// The first allocation of a process against fork. Runs in children of a parent
// that has not allocated: on musl nothing has before main, on glibc the heap
// is up by then and the race is for the first call of a thread.
static atomic_int racers_ready;
static void* FirstMalloc(void* unused) {
  atomic_fetch_add(&racers_ready, 1);
  while (atomic_load(&racers_ready) < 3) {
  }
  void* p = Escape(malloc(1000));
  CHECK(p != NULL);
  free(p);
  return unused;
}

static void RaceChild(void) {
  pthread_t threads[2];
  alarm(kChildSeconds);
  atomic_store(&racers_ready, 0);
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(pthread_create(&threads[i], NULL, FirstMalloc, NULL), 0);
  }
  atomic_fetch_add(&racers_ready, 1);
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(kChildSeconds);
    for (size_t n = 1; n < 2000000; n = n * 4 + 3) free(Escape(malloc(n)));
    _exit(0);
  }
  for (int i = 0; i < 2; ++i) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  WaitFor(pid);
  _exit(0);
}

static void TestFirstMallocRace(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) RaceChild();
    WaitFor(pid);
  }
}

static void TestSpawn(void) {
  static char* const kArgv[] = {(char*)"true", NULL};
  if (access("/bin/true", X_OK) != 0) return;
  for (int i = 0; i < 20; ++i) {
    void* p = Escape(malloc(5000));
    CHECK(p != NULL);
    memset(p, i, 5000);
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQ(
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0),
        0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, 1, 2), 0);
    CHECK_EQ(posix_spawn(&pid, "/bin/true", &actions, NULL, kArgv, environ), 0);
    CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
    WaitFor(pid);
    pid = vfork();
    CHECK(pid >= 0);
    if (pid == 0) {
      execv("/bin/true", kArgv);
      _exit(9);
    }
    WaitFor(pid);
    CHECK_EQ(((unsigned char*)p)[4999], i);
    free(p);
  }
}

int main(int argc, char** argv) {
  const int forks = argc > 1 ? atoi(argv[1]) : OnEmulator() ? 40 : 200;
  alarm(forks > 200 ? 1200 : 200);
  CheckHeapUnderTest();
  TestFirstMallocRace(forks / 2);
  TestForks(forks);
  TestForksFromThreads(forks / 2);
  TestSpawn();
  return CheckReport("fork_test");
}
