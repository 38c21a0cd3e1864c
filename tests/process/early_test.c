// Box:   tests/process.   Uses: tests/support.h.
// Holds: allocation outside of main's life: before constructors, in them, as
//        the first call on a thread, in atexit handlers and destructors.
// Read next: threads_test.c
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "tests/support.h"

enum { kStages = 3, kPerStage = 64, kEnds = 4 };

static unsigned char* blocks[kStages][kPerStage];
static int stages_done;
// The child of TestEnd reports here which of its last steps it reached.
static int end_pipe = -1;

static void AllocateStage(int stage) {
  for (int i = 0; i < kPerStage; ++i) {
    const size_t n = (size_t)(1 + i * i * 97 % 20000);
    unsigned char* p = (unsigned char*)Escape(i % 3 == 0   ? malloc(n)
                                              : i % 3 == 1 ? calloc(n, 1)
                                                           : realloc(NULL, n));
    CHECK(p != NULL);
    CHECK_EQ((uintptr_t)p % 16, 0);
    memset(p, stage * 64 + i, n);
    blocks[stage][i] = p;
  }
  ++stages_done;
}

static void FreeSome(int stage, int from, int to) {
  for (int i = from; i < to; ++i) {
    CHECK_EQ(blocks[stage][i][0], (unsigned char)(stage * 64 + i));
    free(blocks[stage][i]);
  }
}

// Stage 0 runs before every constructor, also those of the C++ library. musl
// knows no .preinit_array; there it is the first thing of the first one.
static void BeforeConstructors(void) { AllocateStage(0); }
#if defined(__GLIBC__)
__attribute__((section(".preinit_array"),
               used)) static void (*preinit)(void) = BeforeConstructors;
#endif

__attribute__((constructor(101))) static void FirstConstructor(void) {
#if !defined(__GLIBC__)
  BeforeConstructors();
#endif
  AllocateStage(1);
  FreeSome(0, 0, 16);
}

__attribute__((constructor)) static void LastConstructor(void) {
  AllocateStage(2);
  FreeSome(1, 0, 16);
}

static void Reached(char step) {
  if (end_pipe >= 0) CHECK_EQ(write(end_pipe, &step, 1), 1);
}

static void Churn(void) {
  for (size_t n = 1; n < 1000000; n = n * 3 + 1) free(Escape(malloc(n)));
}

static void AtExit(void) {
  if (end_pipe < 0) return;
  FreeSome(0, 32, 48);
  Churn();
  Reached('a');
}

__attribute__((destructor)) static void FirstDestructor(void) {
  if (end_pipe < 0) return;
  FreeSome(1, 32, 48);
  Churn();
  Reached('d');
}

__attribute__((destructor(101))) static void LastDestructor(void) {
  if (end_pipe < 0) return;
  FreeSome(2, 32, 48);
  Churn();
  Reached('l');
}

static void* FreeTheRest(void* unused) {
  FreeSome(2, 48, 56);
  return unused;
}

// exit() while another thread still allocates: destructors must not care.
static atomic_bool started;
static void* AllocateForever(void* unused) {
  for (size_t n = 1;; n = n * 7 % 9001) {
    free(Escape(malloc(n)));
    atomic_store(&started, true);
  }
  return unused;
}

static void TestEnd(bool with_thread) {
  int fds[2];
  CHECK_EQ(pipe(fds), 0);
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(60);
    end_pipe = fds[1];
    atexit(AtExit);
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, FreeTheRest, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    if (with_thread) {
      CHECK_EQ(pthread_create(&thread, NULL, AllocateForever, NULL), 0);
      while (!atomic_load(&started)) usleep(100);
    }
    Reached('m');
    exit(0);
  }
  close(fds[1]);
  char steps[8] = "";
  size_t length = 0;
  ssize_t got;
  while (length < sizeof steps - 1 &&
         (got = read(fds[0], steps + length, sizeof steps - 1 - length)) > 0) {
    length += (size_t)got;
  }
  close(fds[0]);
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
  CHECK_NOTE(strcmp(steps, "madl") == 0, steps);
}

// The first thing that a fresh thread does with the heap. A block of another
// thread goes in, one of this thread comes out.
typedef void* (*FirstCall)(void* block);

static void* FirstMalloc(void* p) {
  void* q = malloc(100);
  free(p);
  return q;
}
static void* FirstCalloc(void* p) {
  void* q = calloc(10, 10);
  free(p);
  return q;
}
static void* FirstRealloc(void* p) { return realloc(p, 100); }
static void* FirstReallocNull(void* p) {
  void* q = realloc(Escape(NULL), 100);
  free(p);
  return q;
}
static void* FirstFree(void* p) {
  free(p);
  return malloc(100);
}
static void* OnlyFree(void* p) {
  free(p);
  return NULL;
}
static void* FirstAligned(void* p) {
  void* q = memalign(512, 100);
  free(p);
  return q;
}
static void* FirstUsableSize(void* p) {
  CHECK_GE(malloc_usable_size(p), 50);
  free(p);
  return malloc(100);
}
static void* FirstLarge(void* p) {
  free(p);
  return malloc(400000);
}

static void TestFirstCalls(void) {
  static const FirstCall kCalls[] = {
      FirstMalloc, FirstCalloc,  FirstRealloc,    FirstReallocNull, FirstFree,
      OnlyFree,    FirstAligned, FirstUsableSize, FirstLarge};
  static const size_t kSizes[] = {50, 1000, 9000, 300000, (size_t)5 << 20};
  for (size_t s = 0; s < sizeof kSizes / sizeof kSizes[0]; ++s) {
    for (size_t i = 0; i < sizeof kCalls / sizeof kCalls[0]; ++i) {
      unsigned char* p = (unsigned char*)Escape(malloc(kSizes[s]));
      CHECK(p != NULL);
      memset(p, 0x6B, kSizes[s]);
      pthread_t thread;
      void* q = NULL;
      CHECK_EQ(pthread_create(&thread, NULL, kCalls[i], p), 0);
      CHECK_EQ(pthread_join(thread, &q), 0);
      if (kCalls[i] == OnlyFree) continue;
      CHECK(q != NULL);
      if (kCalls[i] == FirstRealloc) {
        CHECK_EQ(((unsigned char*)q)[49], 0x6B);
      }
      memset(q, 1, 100);
      free(q);
    }
  }
}

int main(void) {
  CheckHeapUnderTest();
  alarm(120);
  CHECK_EQ(stages_done, kStages);
  FreeSome(0, 16, 32);
  FreeSome(1, 16, 32);
  FreeSome(2, 0, 32);
  TestEnd(false);
  TestEnd(true);
  TestFirstCalls();
  return CheckReport("early_test");
}
