// Box:   tests/process.   Uses: tests/support.h, seccomp.
// Holds: what the heap asks of the kernel: nothing in a steady state, only
//        mmap, munmap, madvise and futex otherwise, and no word on fds 1 and 2.
// Read next: tests/stress/stress_test.c
#include <pthread.h>
#include <sys/wait.h>

#include "tests/sandbox.h"
#include "tests/support.h"

enum { kSlots = 4096, kThreads = 3 };

static void Churn(uint64_t seed, long operations, unsigned bits) {
  static __thread unsigned char* blocks[kSlots];
  Random r = {seed};
  for (long i = 0; i < operations; ++i) {
    const size_t slot = RandomBelow(&r, kSlots);
    free(blocks[slot]);
    const size_t n = RandomSize(&r, i % 512 == 0 ? bits : 10);
    blocks[slot] = (unsigned char*)Escape(malloc(n));
    CHECK(blocks[slot] != NULL);
    blocks[slot][n - 1] = 1;
  }
  for (size_t i = 0; i < kSlots; ++i) {
    free(blocks[i]);
    blocks[i] = NULL;
  }
}

// fd 9 of a child: the pipe to the parent.
static void Say(char c) {
  if (write(9, &c, 1) != 1) _exit(8);
}

// Runs `body` in a child with fds 1, 2 and 9 as pipes. Its output on 1 and 2
// must be nothing; `said` gets what it wrote to 9.
static int RunSilent(void (*body)(void), char* said, size_t size) {
  int words[2], marks[2];
  CHECK_EQ(pipe(words), 0);
  CHECK_EQ(pipe(marks), 0);
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(100);
    if (dup2(marks[1], 9) < 0 || dup2(words[1], 1) < 0 ||
        dup2(words[1], 2) < 0) {
      _exit(7);
    }
    close(words[0]);
    close(words[1]);
    body();
    _exit(0);
  }
  close(words[1]);
  close(marks[1]);
  char output[512];
  const ssize_t length = read(words[0], output, sizeof output - 1);
  CHECK(length >= 0);
  output[length] = '\0';
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  memset(said, 0, size);
  CHECK(read(marks[0], said, size - 1) >= 0);
  close(words[0]);
  close(marks[0]);
  CHECK_NOTE(length == 0, output);
  return status;
}

// ---- A steady loop makes no system call at all, once the heap has learned
// that it is one.

static void Steady(void) {
  static unsigned char* blocks[kSlots];
  static const int kCalls[] = {SYS_write, SYS_exit_group};
  Random r = {3};
  for (long i = 0; i < 5000000; ++i) {
    if (i == 3000000) {
      if (!SandboxAllow(kCalls, sizeof kCalls / sizeof kCalls[0])) {
        Say('n');
        _exit(0);
      }
      Say('s');
    }
    const size_t slot = RandomBelow(&r, kSlots);
    const size_t n = 1 + RandomBelow(&r, 1000);
    if (i % 4 == 0) {
      blocks[slot] = (unsigned char*)Escape(realloc(blocks[slot], n));
    } else {
      free(blocks[slot]);
      blocks[slot] =
          (unsigned char*)Escape(i % 4 == 1 ? calloc(1, n) : malloc(n));
    }
    if (blocks[slot] == NULL) _exit(5);
    blocks[slot][0] = 1;
  }
  Say('d');
}

// ---- Everything else in a sandbox of four calls.

static pthread_barrier_t barrier;

static void* SandboxedThread(void* seed) {
  pthread_barrier_wait(&barrier);
  Churn((uint64_t)(uintptr_t)seed, 60000, 21);
  return NULL;
}

static void EveryFunction(void) {
  void* p = NULL;
  for (size_t n = 1; n < ((size_t)40 << 20); n = n * 3 + 1) {
    free(Escape(calloc(1, n)));
    p = Escape(realloc(p, n));
    free(Escape(memalign(4096, n)));
  }
  for (size_t n = (size_t)120 << 20; n > 0; n /= 3) p = Escape(realloc(p, n));
  for (size_t n = (size_t)36 << 20; n < (size_t)90 << 20;
       n += (size_t)9 << 20) {
    p = Escape(realloc(p, n));  // each beyond the spans, growing
    if (p == NULL) _exit(5);
    ((unsigned char*)p)[n - 1] = 1;
  }
  free(p);
#if defined(__GLIBC__)
  CHECK_GE(mallinfo2().arena + mallinfo2().hblkhd, 1);
  malloc_trim(0);
#endif
}

static void Sandboxed(void) {
  static const int kCalls[] = {
    // The heap's:
    SYS_mmap,
    SYS_munmap,
    SYS_madvise,
    SYS_futex,
#if defined(HAKMEM_VARIANT_HARDENED)
    SYS_mprotect,
#endif
    // The test's: the pipe, the end of a thread and of the process.
    SYS_write,
    SYS_rt_sigprocmask,
    SYS_exit,
    SYS_exit_group,
#if defined(SYS_rseq)
    SYS_rseq,
#endif
    SYS_set_robust_list,
  };
  pthread_t threads[kThreads];
  pthread_barrier_init(&barrier, NULL, kThreads + 1);
  for (uintptr_t i = 0; i < kThreads; ++i) {
    if (pthread_create(&threads[i], NULL, SandboxedThread, (void*)i) != 0) {
      _exit(6);
    }
  }
  if (!SandboxAllow(kCalls, sizeof kCalls / sizeof kCalls[0])) {
    Say('n');
    _exit(0);
  }
  Say('s');
  pthread_barrier_wait(&barrier);
  EveryFunction();
  Churn(77, 200000, 24);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  Churn(78, 100000, 22);
  Say('d');
}

// ---- Silence also without a filter, and with fds 1 and 2 closed.

static void Closed(void) {
  close(1);
  close(2);
  Say('s');
  EveryFunction();
  Churn(5, 100000, 22);
  Say('d');
}

static void Ordinary(void) {
  Say('s');
  if (Escape(malloc(Opaque(PTRDIFF_MAX))) != NULL) _exit(5);
  EveryFunction();
  Churn(6, 100000, 22);
  Say('d');
}

static void MustPass(void (*body)(void), const char* name,
                     bool may_be_refused) {
  snprintf(check_context, sizeof check_context, "%s", name);
  char said[16];
  const int status = RunSilent(body, said, sizeof said);
  // 'n': this kernel has no seccomp to offer (qemu-user).
  if (may_be_refused && strcmp(said, "n") == 0) return;
  CHECK_NOTE(strcmp(said, "sd") == 0, said);
  CHECK_EQ(status, 0);
}

int main(void) {
  CheckHeapUnderTest();
  alarm(280);
  MustPass(Ordinary, "Ordinary", false);
  MustPass(Closed, "Closed", false);
  MustPass(Steady, "Steady", true);
  MustPass(Sandboxed, "Sandboxed", true);
  return CheckReport("system_test");
}
