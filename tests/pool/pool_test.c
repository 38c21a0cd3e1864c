// Box:   tests/pool.   Uses: tests/support.h, hakmem.h, seccomp.
// Holds: a heap that is a buffer, named in the configuration: every pointer is
//        inside, no system call maps anything, all of it can be used, and at
//        its end malloc says NULL. Built with a small pool as well.
// Read next: init_pool_test.c
#include <pthread.h>
#include <sys/wait.h>

#include "hakmem.h"
#include "tests/sandbox.h"
#include "tests/support.h"

#if defined(SMALL_POOL)
// In a section, as a linker script would place it, and not zero: it is .data.
enum { kPoolBytes = 2000 << 10, kMaxBits = 18, kOtherSlabs = 8 };
__attribute__((section("hak_test_pool"),
               used)) static unsigned char buffer[kPoolBytes] = {
    [0 ... kPoolBytes - 1] = 0xA5};
extern unsigned char __start_hak_test_pool[], __stop_hak_test_pool[];
#define POOL_BEGIN __start_hak_test_pool
#define POOL_END __stop_hak_test_pool
#else
// At an odd address, with odd ends.
enum { kPoolBytes = (48 << 20) + 4711, kMaxBits = 22, kOtherSlabs = 0 };
static unsigned char buffer[kPoolBytes + 3];
#define POOL_BEGIN (buffer + 3)
#define POOL_END (buffer + 3 + kPoolBytes)
#endif

const struct hak_config hak_config = {HAK_POOL(POOL_BEGIN, POOL_END)};

static void* Inside(void* p, size_t n) {
  if (p == NULL) return NULL;
  const unsigned char* const q = (const unsigned char*)p;
  CHECK(q >= POOL_BEGIN && q + n <= POOL_END);
  CHECK(q + malloc_usable_size(p) <= POOL_END);
  return p;
}

static void* early;
__attribute__((constructor(101))) static void BeforeMain(void) {
  early = Inside(Escape(malloc(1000)), 1000);
  CHECK(early != NULL);
}

static void InChild(void (*body)(size_t), size_t n) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(60);
    snprintf(check_context, sizeof check_context, "case %zu", n);
    body(n);
    _exit(0);
  }
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
}

// Nothing that maps, unmaps, protects or advises. Without seccomp (qemu-user)
// the rest is tested all the same.
static void Sandbox(void) {
  static const int kCalls[] = {SYS_futex, SYS_write, SYS_rt_sigprocmask,
                               SYS_exit_group};
  (void)SandboxAllow(kCalls, sizeof kCalls / sizeof kCalls[0]);
}

static void CheckSums(void) {
  CHECK_EQ(hak_pool_used() + hak_pool_free(), hak_pool_size());
}

// ---- Anything that allocates, at random.

typedef struct {
  unsigned char* at;
  size_t bytes;
} Block;

static void* AnyCall(Random* r, void* old, size_t n) {
  switch (RandomBelow(r, 6)) {
    case 0:
      free(old);
      return Escape(calloc(1, n));
    case 1:
      free(old);
      return Escape(aligned_alloc((size_t)16 << RandomBelow(r, 9), n));
    case 2: {
      void* const p = Escape(realloc(old, n));
      if (p == NULL) free(old);
      return p;
    }
    default:
      free(old);
      return Escape(malloc(n));
  }
}

static void Script(uint64_t seed, Block* blocks, size_t slots, long steps) {
  Random r = {seed};
  for (long i = 0; i < steps; ++i) {
    Block* const b = &blocks[RandomBelow(&r, slots)];
    if (b->at != NULL) {
      CHECK_EQ(PaintBreak(b->at, b->bytes, b->bytes, (uintptr_t)b), b->bytes);
    }
    const size_t n = RandomSize(&r, i % 64 == 0 ? kMaxBits : 11);
    b->at = (unsigned char*)Inside(AnyCall(&r, b->at, n), n);
    b->bytes = n;
    if (b->at != NULL) Paint(b->at, n, (uintptr_t)b);
  }
  for (size_t i = 0; i < slots; ++i) free(blocks[i].at);
}

static void Property(size_t seed) {
  static Block blocks[1500];
  Sandbox();
  Script(seed, blocks, 1500, OnHardened() ? 20000 : 60000);
  (void)hak_trim(1);
  CheckSums();
}

static pthread_barrier_t barrier;
static void* ThreadScript(void* seed) {
  static __thread Block blocks[200];
  // A thread for whose heap there is no room shares one.
  void* const first = Inside(Escape(malloc(100)), 100);
  CHECK(first != NULL);
  free(first);
  // All have started; then the filter is there.
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  Script((uint64_t)(uintptr_t)seed, blocks, 200, 10000);
  // Stays: a thread's end is a matter of libc's, which unmaps its stack.
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return NULL;
}

// More threads than there is room for heaps of their own in a small pool.
static void Threads(size_t count) {
  pthread_t threads[16];
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, (unsigned)count + 1), 0);
  for (uintptr_t i = 0; i < count; ++i) {
    CHECK_EQ(pthread_create(&threads[i], NULL, ThreadScript, (void*)i), 0);
  }
  pthread_barrier_wait(&barrier);
  Sandbox();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  (void)hak_trim(1);
  CheckSums();
}

// ---- The end of the pool.

typedef struct Node {
  struct Node* next;
} Node;

static size_t Fill(Node** list, size_t n) {
  size_t sum = 0;
  for (;;) {
    errno = 0;
    Node* const node = (Node*)Inside(Escape(malloc(n)), n);
    if (node == NULL) break;
    sum += malloc_usable_size(node);
    memset(node, 0xEE, n);
    node->next = *list;
    *list = node;
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

// What of the pool blocks must get; hardened blocks have canaries. What libc
// itself has allocated, a few blocks of some classes, counts in a small pool,
// in which each class takes a slab.
static size_t Floor(size_t n) {
  const size_t share = !OnHardened() ? 85 : n < 100 ? 50 : 70;
  return (hak_pool_size() - kOtherSlabs * 65536) / 100 * share;
}

static void Exhaust(size_t n) {
  Node* list = NULL;
  Sandbox();
  const size_t first = Fill(&list, n);
  CHECK_GE(first, Floor(n));
  CHECK_LE(first, hak_pool_size());
  CheckSums();
  void* untouched = &list;
  CHECK(Escape(calloc(1, n)) == NULL);
  CHECK(Escape(realloc(list, hak_pool_size())) == NULL);
  CHECK(Escape(aligned_alloc(4096, hak_pool_size())) == NULL);
  CHECK_EQ(posix_memalign(&untouched, 64, n + 70000), ENOMEM);
  CHECK(untouched == &list);
  // One block less, and one fits again.
  Node* const head = list;
  list = head->next;
  free(head);
  Node* const again = (Node*)Inside(Escape(malloc(n)), n);
  CHECK(again != NULL);
  again->next = list;
  list = again;
  Drop(&list);
  // Whatever it was used for, it can be used for something else.
  void* const most = Inside(Escape(malloc(Floor(1000))), Floor(1000));
  CHECK(most != NULL);
  memset(most, 1, Floor(1000));
  CHECK_GE(hak_pool_used(), Floor(1000));
  free(most);
  CHECK_GE(Fill(&list, n) * 100, first * 95);
  Drop(&list);
  (void)hak_trim(1);
  CHECK_LE(hak_pool_used(), (kOtherSlabs + 16) * 65536);
}

// No slab is free for a class, but another class has a block.
static void LargerClass(size_t unused) {
  (void)unused;
  Node* list = NULL;
  if (OnHardened()) return;  // a block's canaries know its class
  Sandbox();
  Fill(&list, 1000);
  CHECK(Escape(malloc(2500)) == NULL);
  Node* const head = list;
  list = head->next;
  free(head);
  void* const p = Inside(Escape(malloc(900)), 900);
  CHECK(p != NULL);
  CHECK_GE(malloc_usable_size(p), 1000);
  hak_free_sized(p, 900);
  Drop(&list);
}

// No slab is free for a class, but a few units are here and there.
static void UnitsWithoutSlab(size_t n) {
  Node* list = NULL;
  if (OnHardened()) return;  // a block of one kind is not there for another
  Sandbox();
  Fill(&list, 20000);
  // Neighbours are freed with one between them.
  for (Node* node = list; node != NULL && node->next != NULL;
       node = node->next) {
    Node* const gone = node->next;
    node->next = gone->next;
    free(gone);
  }
  void* const p = Inside(Escape(malloc(n)), n);
  CHECK(p != NULL);
  CHECK_GE(malloc_usable_size(p), n);
  hak_free_sized(p, n);
  Drop(&list);
}

// Makes and frees the same blocks over and over, and then sleeps.
static void* Cycles(void* unused) {
  static void* blocks[6000];
  const int count = sizeof blocks / sizeof blocks[0];
  (void)unused;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < count; ++i) {
      blocks[i] = Inside(Escape(malloc(60)), 60);
      CHECK(blocks[i] != NULL);
    }
    for (int i = 0; i < count; ++i) free(blocks[i]);
  }
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return NULL;
}

// A thread does not sit on what the others need.
static void OthersHaveRoom(size_t n) {
  Node* list = NULL;
  pthread_t thread;
  const size_t before = Fill(&list, n);
  Drop(&list);
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
  CHECK_EQ(pthread_create(&thread, NULL, Cycles, NULL), 0);
  pthread_barrier_wait(&barrier);
  CHECK_GE(Fill(&list, n) + (size_t)(4 * 65536), before);
  Drop(&list);
}

static void TooLate(void) {
  static unsigned char other[1 << 20];
  CHECK_EQ(hak_init_pool(other, sizeof other), EBUSY);
  CHECK_EQ(hak_init_pool(other, HAK_MIN_POOL - 1), EINVAL);
  CHECK_EQ(hak_init_pool(NULL, sizeof other), EINVAL);
}

int main(void) {
  static const size_t kSizes[] = {24, 1000, 5000, 12000, 30000, 100000};
  CheckHeapUnderTest();
  alarm(250);
  TooLate();
  CHECK_GE(hak_pool_size(), (size_t)kPoolBytes / 100 * 94);
  CHECK_LE(hak_pool_size(), kPoolBytes);
  for (size_t seed = 1; seed <= 3; ++seed) InChild(Property, seed);
  InChild(Threads, 3);
  InChild(Threads, 16);
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    InChild(Exhaust, kSizes[i]);
  }
  InChild(LargerClass, 0);
  InChild(UnitsWithoutSlab, 12000);
  InChild(OthersHaveRoom, 1000);
  Inside(early, 1000);
  free(early);
#if defined(SMALL_POOL)
  return CheckReport("small_pool_test");
#else
  return CheckReport("pool_test");
#endif
}
