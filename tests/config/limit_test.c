// Box:   tests/config.   Uses: tests/support.h, hakmem.h.
// Holds: a configuration with a limit of the heap, someone to ask before it is
//        met, a bound of dirty memory, huge pages, and a place for the line
//        before an abort.
// Read next: resident_test.c
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "hakmem.h"
#include "tests/config/smaps.h"
#include "tests/support.h"

#define MIB ((size_t)1 << 20)
#define LIMIT (64 * MIB)

static atomic_int asked;
static size_t asked_for;
static bool helps;
static void* reserve[3];

static int OnPressure(size_t bytes) {
  atomic_fetch_add(&asked, 1);
  asked_for = bytes;
  // No memory here, either, and nobody is asked again.
  CHECK(Escape(malloc(LIMIT)) == NULL);
  for (int i = 0; helps && i < 3; ++i) {
    if (reserve[i] == NULL) continue;
    free(reserve[i]);
    reserve[i] = NULL;
    return 1;
  }
  return 0;
}

// fd 9 of a child: a pipe to its parent.
static void OnAbort(const char* line, size_t bytes) {
  if (write(9, line, bytes) != (ssize_t)bytes) _exit(9);
}

const struct hak_config hak_config = {
    .heap_limit = LIMIT,
    .dirty_bytes = 24 * MIB,
    .on_pressure = OnPressure,
    .on_abort = OnAbort,
    .thp = 1,
};

static size_t Mapped(void) {
  struct hak_stats stats;
  hak_stats(&stats);
  return stats.mapped;
}

typedef struct Node {
  struct Node* next;
} Node;

static size_t Fill(Node** list, size_t n) {
  size_t sum = 0;
  for (;;) {
    errno = 0;
    Node* const node = (Node*)Escape(malloc(n));
    if (node == NULL) break;
    sum += malloc_usable_size(node);
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

// Exact to a SuperSlab, which is 1 MiB, and again after all was freed.
static void Exact(size_t n) {
  const size_t share = !OnHardened() ? 85 : n < 100 ? 50 : 70;
  for (int round = 0; round < 2; ++round) {
    Node* list = NULL;
    atomic_store(&asked, 0);
    const size_t sum = Fill(&list, n);
    CHECK_EQ(atomic_load(&asked), 1);
    // Hardened says what it needs itself as well.
    CHECK_GE(asked_for, n);
    CHECK_LE(asked_for, n + (OnHardened() ? 16 : 0));
    CHECK_LE(Mapped(), LIMIT);
    CHECK_GE(Mapped() + MIB + n, LIMIT);
    CHECK_GE(sum, LIMIT / 100 * share);
    errno = 0;
    CHECK(Escape(calloc(1, n + MIB)) == NULL);
    CHECK_EQ(errno, ENOMEM);
    CHECK(Escape(aligned_alloc(4096, n + MIB)) == NULL);
    CHECK(Escape(realloc(list, n + LIMIT)) == NULL);
    CHECK_GE(atomic_load(&asked), 4);
    Drop(&list);
    hak_trim(1);
  }
}

// Blocks that are mappings of their own count as well, also when they grow.
static void Huge(void) {
  hak_trim(1);
  void* p = Escape(malloc(40 * MIB));
  CHECK(p != NULL);
  CHECK(Escape(malloc(40 * MIB)) == NULL);
  CHECK(Escape(realloc(p, 70 * MIB)) == NULL);
  // Hardened does not shrink it in place, and there is no room for two.
  if (!OnHardened()) {
    p = Escape(realloc(p, 33 * MIB));
    CHECK(p != NULL);
  }
  CHECK_LE(Mapped(), LIMIT);
  Node* list = NULL;
  (void)Fill(&list, 100000);
  CHECK_LE(Mapped(), LIMIT);
  CHECK_GE(Mapped() + 2 * MIB, LIMIT);
  Drop(&list);
  free(p);
  hak_trim(1);
  for (int i = 0; i < 5; ++i) {
    p = Escape(malloc(50 * MIB));
    CHECK(p != NULL);
    free(p);
  }
}

// Somebody who is asked frees something, and malloc goes on.
static void Pressure(void) {
  for (int i = 0; i < 3; ++i) {
    reserve[i] = Escape(malloc(2 * MIB));
    CHECK(reserve[i] != NULL);
  }
  helps = true;
  Node* list = NULL;
  atomic_store(&asked, 0);
  (void)Fill(&list, 500000);
  CHECK_EQ(atomic_load(&asked), 4);
  CHECK(reserve[0] == NULL && reserve[1] == NULL && reserve[2] == NULL);
  Drop(&list);
  helps = false;
}

// What somebody who is asked has freed is not zero, and calloc's block is.
static void PressureOfCalloc(size_t n) {
  for (int i = 0; i < 3; ++i) {
    reserve[i] = Escape(malloc(n));
    CHECK(reserve[i] != NULL);
    memset(reserve[i], 0x5A, n);
  }
  helps = true;
  Node* list = NULL;
  size_t dirty = 0;
  atomic_store(&asked, 0);
  while (atomic_load(&asked) < 4) {
    unsigned char* const block = (unsigned char*)Escape(calloc(n, 1));
    if (block == NULL) break;
    for (size_t i = 0; i < n; i += 61) dirty += block[i] != 0;
    ((Node*)block)->next = list;
    list = (Node*)block;
  }
  CHECK_EQ(dirty, 0);
  CHECK_EQ(atomic_load(&asked), 4);
  Drop(&list);
  helps = false;
}

// When there is no memory for a slab a block of a larger class is taken; the
// size that was asked for is right all the same.
static void SizedAfterTheEnd(void) {
  enum { kEach = 40 };
  void* larger[kEach];
  for (int i = 0; i < kEach; ++i) larger[i] = Escape(malloc(1000));
  Node* list = NULL;
  (void)Fill(&list, 5000);
  for (int i = 0; i < kEach; i += 2) free(larger[i]);
  hak_trim(1);
  Node* small = NULL;
  (void)Fill(&small, 10);
  while (small != NULL) {
    Node* const node = small;
    small = node->next;
    hak_free_sized(node, 10);
  }
  Drop(&list);
  for (int i = 1; i < kEach; i += 2) free(larger[i]);
  hak_trim(1);
}

static void* FillInThread(void* size) {
  for (int round = 0; round < 4; ++round) {
    Node* list = NULL;
    (void)Fill(&list, (size_t)(uintptr_t)size);
    CHECK_LE(Mapped(), LIMIT);
    Drop(&list);
  }
  return NULL;
}

static void Threads(void) {
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) {
    void* const size = (void*)(i == 0 ? 3000 : i * 150000);
    CHECK_EQ(pthread_create(&threads[i], NULL, FillInThread, size), 0);
  }
  for (int i = 0; i < 4; ++i) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  struct hak_stats stats;
  hak_stats(&stats);
  CHECK_LE(stats.peak_mapped, LIMIT);
}

// 20 MiB of free memory stay; the default would keep less than two.
static void Dirty(void) {
  hak_trim(1);
  static void* blocks[400];
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 400; ++i) {
      blocks[i] = memset(Escape(malloc(50000)), 1, 50000);
    }
    for (int i = 0; i < 400; ++i) free(blocks[i]);
  }
  struct hak_stats stats;
  hak_stats(&stats);
  CHECK_GE(stats.dirty, 18 * MIB);
  hak_trim(1);
  hak_stats(&stats);
  CHECK_LE(stats.dirty, MIB);
}

static void HugePages(void) {
  char* const p = (char*)Escape(malloc(10 * MIB));
  CHECK(p != NULL);
  if (HasSmaps() && access("/sys/kernel/mm/transparent_hugepage", R_OK) == 0) {
    CHECK(MappingHas(p + 5 * MIB, "VmFlags", " hg"));
  }
  free(p);
}

static void FreeTwice(void) {
  void* const p = Escape(malloc(100));
  free(p);
  free(Escape(p));
}

// The line goes where the configuration says, and nothing to stderr.
static void AbortLine(void) {
  int words[2], marks[2];
  char line[300] = "", other[8];
  CHECK_EQ(pipe(words), 0);
  CHECK_EQ(pipe(marks), 0);
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    if (dup2(marks[1], 9) < 0 || dup2(words[1], 2) < 0) _exit(8);
    FreeTwice();
    _exit(0);
  }
  close(words[1]);
  close(marks[1]);
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(read(marks[0], line, sizeof line - 1) > 0);
  CHECK_NOTE(strncmp(line, "hakmem: double free of 0x", 25) == 0, line);
  CHECK_EQ(line[strlen(line) - 1], '\n');
  // qemu-user has a word of its own about the signal.
  if (!OnEmulator()) CHECK_EQ(read(words[0], other, sizeof other), 0);
  close(words[0]);
  close(marks[0]);
}

int main(void) {
  static const size_t kSizes[] = {24, 3000, 70000, 600000};
  CheckHeapUnderTest();
  alarm(250);
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    snprintf(check_context, sizeof check_context, "blocks of %zu", kSizes[i]);
    Exact(kSizes[i]);
  }
  check_context[0] = '\0';
  Huge();
  Pressure();
  PressureOfCalloc(12000);
  PressureOfCalloc(600000);
  SizedAfterTheEnd();
  Threads();
  Dirty();
  HugePages();
  AbortLine();
  return CheckReport("limit_test");
}
