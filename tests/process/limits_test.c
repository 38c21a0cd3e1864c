// Box:   tests/process.   Uses: tests/support.h.
// Holds: resource limits: RLIMIT_AS from 8 to 256 MiB, RLIMIT_DATA, mlockall.
//        Out of memory is NULL and ENOMEM, most of the limit is usable, and
//        the heap goes on after a free.
// Read next: memory_test.c
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/support.h"

#define MIB ((size_t)1 << 20)

// Each case runs in a child: a limit cannot be taken back.
static void InChild(void (*body)(size_t, size_t), size_t a, size_t b) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(100);
    body(a, b);
    _exit(0);
  }
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
}

static void Limit(int which, size_t bytes) {
  const struct rlimit limit = {bytes, bytes};
  CHECK_EQ(setrlimit(which, &limit), 0);
}

// Blocks in a chain through their first word: the test's own bookkeeping must
// not take a share of the limit.
typedef struct Node {
  struct Node* next;
} Node;

// Allocates until NULL. Returns what those blocks hold.
static size_t Fill(Node** list, size_t n) {
  size_t sum = 0;
  for (;;) {
    errno = 0;
    Node* node = (Node*)Escape(malloc(n));
    if (node == NULL) break;
    ((volatile char*)node)[n - 1] = 1;
    node->next = *list;
    *list = node;
    sum += malloc_usable_size(node);
  }
  CHECK_EQ(errno, ENOMEM);
  return sum;
}

static void Drop(Node** list) {
  while (*list != NULL) {
    Node* const node = *list;
    *list = node->next;
    free(node);
  }
}

// Everything that allocates must say so in the same way when memory is out.
static void CheckOutOfMemory(size_t n) {
  void* untouched = &untouched;
  errno = 0;
  CHECK(Escape(calloc(1, n)) == NULL);
  CHECK_EQ(errno, ENOMEM);
  errno = 0;
  CHECK(Escape(realloc(Escape(NULL), n)) == NULL);
  CHECK_EQ(errno, ENOMEM);
  errno = 0;
  CHECK(Escape(aligned_alloc(4096, n)) == NULL);
  CHECK_EQ(errno, ENOMEM);
  CHECK_EQ(posix_memalign(&untouched, 4096, n), ENOMEM);
  CHECK(untouched == &untouched);
}

// 85 % of the limit; of a small one 85 % of what 4 MiB leave of it, for image,
// stack, the heap's own tables (2 MiB) and a SuperSlab that just does not fit.
// In hardened one slab in sixteen is a guard, and what counts of a block is
// what was asked for.
static size_t UsableFloor(size_t limit) {
  const size_t share = OnHardened() ? 60 : 85;
  const size_t image = OnHardened() ? 5 * MIB : 4 * MIB;
  return (limit >= 64 * MIB ? limit : limit - image) / 100 * share;
}

static void FillTwice(size_t limit, size_t n) {
  Node* list = NULL;
  snprintf(check_context, sizeof check_context, "limit %zu MiB, blocks of %zu",
           limit / MIB, n);
  const size_t first = Fill(&list, n);
  CHECK_GE(first, UsableFloor(limit));
  CheckOutOfMemory(limit);
  // A failed realloc leaves the block; free one, and one fits again.
  CHECK(Escape(realloc(Escape(list), limit)) == NULL);
  Node* const head = list;
  list = head->next;
  free(head);
  Node* const again = (Node*)Escape(malloc(n));
  CHECK(again != NULL);
  again->next = list;
  list = again;
  Drop(&list);
  const size_t second = Fill(&list, n);
  CHECK_GE(second * 100, first * (OnHardened() ? 85 : 97));
  Drop(&list);
  // What small blocks took must come back for a large one, and the reverse.
  const size_t half = UsableFloor(limit) / 2;
  void* p = Escape(malloc(half));
  CHECK(p != NULL);
  memset(p, 1, half);
  free(p);
  CHECK_GE(Fill(&list, n) * 100, first * (OnHardened() ? 80 : 90));
  Drop(&list);
}

static void AddressSpace(size_t limit, size_t n) {
  Limit(RLIMIT_AS, limit);
  FillTwice(limit, n);
}

static void Data(size_t limit, size_t n) {
  Limit(RLIMIT_DATA, limit);
  FillTwice(limit, n);
}

// Whether the kernel under us enforces the limit at all; qemu-user does not
// pass it on, for it would be its own.
static bool LimitsHold(void) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    Limit(RLIMIT_AS, 64 * MIB);
    _exit(mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
              ? 0
              : 1);
  }
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  return status == 0;
}

// Threads meet the limit at the same time; nobody crashes, all go on.
static pthread_barrier_t all_there;
static void* FillInThread(void* size) {
  const size_t n = (size_t)(uintptr_t)size;
  pthread_barrier_wait(&all_there);
  for (int round = 0; round < 20; ++round) {
    Node* list = NULL;
    Fill(&list, n);
    Drop(&list);
  }
  return NULL;
}

static void Threads(size_t limit, size_t n) {
  // Small stacks, all created before memory runs out.
  pthread_attr_t attr;
  pthread_t threads[4];
  CHECK_EQ(pthread_attr_init(&attr), 0);
  CHECK_EQ(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
  CHECK_EQ(pthread_barrier_init(&all_there, NULL, 4), 0);
  Limit(RLIMIT_AS, limit);
  for (uintptr_t i = 0; i < 4; ++i) {
    void* const arg = (void*)(n << i);
    CHECK_EQ(pthread_create(&threads[i], &attr, FillInThread, arg), 0);
  }
  for (int i = 0; i < 4; ++i) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  Node* list = NULL;
  CHECK_GE(Fill(&list, n) * 2, limit);
  Drop(&list);
}

// Under MCL_FUTURE mmap populates, fails with EAGAIN at the limit, and every
// madvise(MADV_DONTNEED) fails: freed memory keeps its old bytes.
static void Locked(size_t limit, size_t n) {
  struct rlimit now;
  CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &now), 0);
  if (limit > now.rlim_max) limit = now.rlim_max;
  Limit(RLIMIT_MEMLOCK, limit);
  // root may be exempt; in a container there may be nobody else to become.
  if (geteuid() == 0 && setgid(65534) == 0 && setuid(65534) != 0) _exit(1);
  // With a limit below the image itself this may be refused.
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) _exit(0);
  if (mmap(NULL, 2 * limit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
           -1, 0) != MAP_FAILED) {
    _exit(0);  // still exempt
  }
  Node* list = NULL;
  for (int round = 0; round < 3; ++round) {
    snprintf(check_context, sizeof check_context,
             "limit %zu MiB locked, blocks of %zu, round %d", limit / MIB, n,
             round);
    CHECK_GE(Fill(&list, n), UsableFloor(limit));
    for (Node* node = list; node != NULL; node = node->next) {
      memset(node + 1, 0xD1, n - sizeof *node);
    }
    Drop(&list);
    for (size_t m = 16; m < UsableFloor(limit) / 2; m = m * 3 + 8) {
      void* p = Escape(calloc(1, m));
      CHECK(p != NULL);
      CHECK_EQ(ZeroBreak(p, m), m);
      free(p);
    }
  }
}

// Started anew under the limit, by the parent's exec: everything before main
// also has to do with what there is.
static void StartAnew(size_t limit, size_t unused) {
  (void)unused;
  static char* const kArgv[] = {(char*)"limits_test", (char*)"--child", NULL};
  static char* const kEnv[] = {NULL};
  Limit(RLIMIT_AS, limit);
  execve("/proc/self/exe", kArgv, kEnv);
  _exit(2);
}

static int ChildMain(void) {
  Node* list = NULL;
  Fill(&list, 100);
  Drop(&list);
  void* p = Escape(malloc(100));
  CHECK(p != NULL);
  free(p);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--child") == 0) return ChildMain();
  CheckHeapUnderTest();
  alarm(280);
  static const size_t kSizes[] = {24, 1000, 5000, 70000, 300000};
  if (LimitsHold()) {
    for (size_t mib = 8; mib <= 256; mib *= 2) {
      for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
        // Filling is slow; of the largest limit two sizes do.
        if (mib == 256 && i % 3 != 0) continue;
        InChild(AddressSpace, mib * MIB, kSizes[i]);
        if (mib == 16 || mib == 64) InChild(Data, mib * MIB, kSizes[i]);
      }
      InChild(StartAnew, mib * MIB, 0);
    }
    for (size_t mib = 6; mib < 24; ++mib) InChild(StartAnew, mib * MIB, 0);
    InChild(Threads, 32 * MIB, 100);
    InChild(Threads, 32 * MIB, 3000);
    for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
      InChild(Locked, 32 * MIB, kSizes[i]);
    }
  } else {
    // Nothing below would be limited; the impossible still has its answer.
    CheckOutOfMemory((size_t)1 << 60);
  }
  return CheckReport("limits_test");
}
