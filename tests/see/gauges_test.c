// Box:   tests/see.   Uses: hakmem.h, tests/support.h, glibc's malloc.h.
// Holds: gauges under load and in every form: their invariant, one heap at a
//        time, the same numbers by every name, and what locks count.
// Read next: blocks_test.c
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "hakmem.h"
#include "tests/support.h"

enum { kThreads = 4, kSlots = 512, kBlocks = 3000 };

static bool OnChecked(void) { return strcmp(hak_variant(), "checked") == 0; }

// --- the invariant, while blocks change hands, threads end and slabs are
// orphaned and adopted

static _Atomic(void*) slots[kSlots];
static atomic_bool stop;

static void* Load(void* seed) {
  Random random = {(uint64_t)(uintptr_t)seed};
  for (int i = 0; i < 3000 && !atomic_load(&stop); ++i) {
    const unsigned bits = RandomBelow(&random, 64) == 0 ? 17 : 11;
    void* fresh = Escape(malloc(RandomSize(&random, bits)));
    free(atomic_exchange(&slots[RandomBelow(&random, kSlots)], fresh));
  }
  return NULL;
}

static void* StartLoads(void* seed) {
  for (uintptr_t i = 0; !atomic_load(&stop); ++i) {
    pthread_t thread;
    void* const next = (void*)((uintptr_t)seed + i * 64);
    CHECK_EQ(pthread_create(&thread, NULL, Load, next), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
  }
  return NULL;
}

static void CheckNow(void) {
  struct hak_stats s;
  hak_stats(&s);
  CHECK_LE(s.live + s.cached, s.committed);
  for (int c = 0; c < HAK_CLASSES; ++c) {
    CHECK_LE(s.classes[c].cached_blocks, s.classes[c].used_blocks);
  }
  struct hak_heap_stats heaps[64];
  size_t count = hak_heaps(heaps, 64);
  if (count > 64) count = 64;
  for (size_t i = 0; i < count; ++i) {
    CHECK_LE(heaps[i].used, heaps[i].committed);
    CHECK_LE(heaps[i].committed, heaps[i].slabs * 65536);
  }
}

static void UnderLoad(void) {
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) {
    void* const seed = (void*)(i + 1);
    CHECK_EQ(pthread_create(&threads[i], NULL, StartLoads, seed), 0);
  }
  const double end = Seconds() + 0.7;
  while (Seconds() < end) CheckNow();
  atomic_store(&stop, true);
  for (int i = 0; i < kThreads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  for (int i = 0; i < kSlots; ++i) free(atomic_exchange(&slots[i], NULL));
  CheckNow();
}

// --- counts

static void Counts(void) {
  static void* blocks[kBlocks];
  struct hak_stats before, during, after;
  hak_stats(&before);
  for (int i = 0; i < kBlocks; ++i) blocks[i] = Escape(malloc(700));
  hak_stats(&during);
  // Exact, also between slow paths.
  CHECK_EQ(during.live_blocks, before.live_blocks + kBlocks);
  for (int i = 0; i < kBlocks; ++i) {
    free(blocks[i]);
    hak_stats(&after);
    CHECK_EQ(after.live_blocks, during.live_blocks - (size_t)i - 1);
  }
  hak_trim(1);
  hak_stats(&after);
  CHECK_EQ(after.live_blocks, before.live_blocks);
  // Nor does one that stays in this thread's cache count, of any length.
  for (size_t bytes = 8000; bytes < 200000; bytes *= 2) {
    free(Escape(malloc(bytes)));
    hak_stats(&after);
    CHECK_EQ(after.live_blocks, before.live_blocks);
  }
  CHECK_GE(after.purges, before.purges + 1);
  CHECK_GE(after.purged, before.purged + kBlocks * 500);
}

static struct hak_heap_stats HeapOf(unsigned id) {
  struct hak_heap_stats heaps[64];
  const size_t count = hak_heaps(heaps, 64);
  CHECK_LE(count, 64);
  for (size_t i = 0; i < count; ++i) {
    if (heaps[i].id == id) return heaps[i];
  }
  CHECK(!"a heap with this id");
  return heaps[0];
}

static pthread_barrier_t barrier;
enum { kLeft = 400 };
static void* OwnHeap(void* blocks) {
  void** const left = (void**)blocks;
  for (int i = 0; i < kLeft; ++i) {
    left[i] = memset(Escape(malloc(5000)), 1, 5000);
  }
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static void PerHeap(void) {
  static void* left[kLeft];
  pthread_t thread;
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
  CHECK_EQ(pthread_create(&thread, NULL, OwnHeap, left), 0);
  pthread_barrier_wait(&barrier);
  struct hak_block about;
  CHECK_EQ(hak_block_of(left[0], &about), 1);
  struct hak_heap_stats heap = HeapOf(about.heap);
  CHECK_EQ(heap.idle, 0);
  CHECK_GE(heap.slabs, 1);
  CHECK_GE(heap.used, kLeft * 5000);
  CHECK_EQ(hak_heaps(NULL, 0), hak_heaps(&heap, 1));
  pthread_barrier_wait(&barrier);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  // On musl a thread may be joined just before its heap is given up.
  for (int i = 0; i < 1000 && HeapOf(about.heap).idle == 0; ++i) usleep(1000);
  CHECK_EQ(HeapOf(about.heap).idle, 1);
  CHECK_EQ(HeapOf(about.heap).slabs, 0);
  CHECK_EQ(hak_block_of(left[0], &about), 1);
  CHECK_EQ(about.heap, 0);
  // What nobody's heap has is in the sums all the same.
  struct hak_stats s;
  hak_stats(&s);
  CHECK_GE(s.live, kLeft * 5000);
  CheckNow();
  for (int i = 0; i < kLeft; ++i) free(left[i]);
}

// --- the forms

static char text[65536];

static void ReadBack(int format) {
  int fds[2];
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(hak_stats_write(fds[1], format), 0);
  close(fds[1]);
  size_t length = 0;
  ssize_t got;
  while ((got = read(fds[0], text + length, sizeof text - 1 - length)) > 0) {
    length += (size_t)got;
  }
  text[length] = '\0';
  close(fds[0]);
}

// The number behind `before`, which is looked for from the place `*at` on.
static uint64_t NumberAfter(const char** at, const char* before) {
  const char* found = strstr(*at, before);
  CHECK_NOTE(found != NULL, before);
  char* end;
  const uint64_t value = strtoull(found + strlen(before), &end, 10);
  CHECK_NOTE(end > found + strlen(before), before);
  *at = end;
  return value;
}

static uint64_t Number(const char* before) {
  const char* at = text;
  return NumberAfter(&at, before);
}

static void Forms(void) {
  // More than the bin may still have of blocks that were other threads'.
  static void* blocks[300];
  for (int i = 0; i < 300; ++i) blocks[i] = Escape(malloc(700));
  struct hak_stats s;
  hak_stats(&s);
  ReadBack(HAK_TEXT);
  CHECK_EQ(Number("\nlive "), s.live);
  CHECK_EQ(Number("\nlive_blocks "), s.live_blocks);
  CHECK_EQ(Number("\npurges "), s.purges);
  const char* at = text;
  const char* line = strstr(text, "\nheap 1: idle 0, slabs ");
  CHECK_NOTE(line != NULL, text);
  CHECK_GE(NumberAfter(&at, "\nheap 1: idle 0, slabs "), 1);
  CHECK_LE(NumberAfter(&at, ", used "), NumberAfter(&at, ", committed "));
  ReadBack(HAK_JSON);
  CHECK_EQ(Number("\"live\":"), s.live);
  CHECK_EQ(Number("\"committed\":"), s.committed);
  CHECK_EQ(Number("\"cached_blocks\":"), s.cached_blocks);
  at = strstr(text, "\"per_heap\":[{\"id\":");
  CHECK_NOTE(at != NULL, text);
  size_t heaps = 0;
  for (; (at = strstr(at, "{\"id\":")) != NULL; ++at) ++heaps;
  CHECK_EQ(heaps, s.heaps);
  for (int i = 0; i < 300; ++i) free(blocks[i]);
}

// --- what only the checked variant has

static void* AskOften(void* unused) {
  struct hak_stats s;
  while (!atomic_load(&stop)) hak_stats(&s);
  return unused;
}

static void* LeavePartial(void* unused) {
  for (int i = 0; i < 20; ++i) {
    void* block = Escape(malloc(3000));
    if (i % 2 == 0) free(block);
  }
  return unused;
}

// Slabs from every stage: kept, adopted, the pool, a mapping.
static void UseStages(void) {
  static void* blocks[300];
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, LeavePartial, NULL), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  usleep(10000);  // as in PerHeap
  for (int i = 0; i < 300; ++i) blocks[i] = Escape(malloc(3000));
  // A slab is kept when it runs empty while all others of its class are full.
  for (int count = 1; count < 40; ++count) {
    for (int i = 0; i < count; ++i) free(blocks[i]);
    for (int i = 0; i < count; ++i) blocks[i] = Escape(malloc(3000));
  }
  for (int i = 0; i < 300; ++i) free(blocks[i]);
}

static void Locks(void) {
  if (!OnChecked()) {
    ReadBack(HAK_TEXT);
    CHECK_NOTE(strstr(text, "foreign_frees") == NULL, text);
    CHECK_NOTE(strstr(text, "\nlock ") == NULL, text);
    CHECK_NOTE(strstr(text, "\nstages") == NULL, text);
    ReadBack(HAK_JSON);
    CHECK_NOTE(strstr(text, "\"locks\"") == NULL, text);
    return;
  }
  UseStages();
  pthread_t threads[kThreads];
  atomic_store(&stop, false);
  for (int i = 0; i < kThreads; ++i) {
    CHECK_EQ(pthread_create(&threads[i], NULL, AskOften, NULL), 0);
  }
  const double end = Seconds() + 20;
  uint64_t waits = 0;
  do {
    ReadBack(HAK_TEXT);
    const char* at = strstr(text, "\nlock heap: ");
    CHECK_NOTE(at != NULL, text);
    waits = NumberAfter(&at, ", waits ");
  } while (waits == 0 && Seconds() < end);
  atomic_store(&stop, true);
  for (int i = 0; i < kThreads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  ReadBack(HAK_TEXT);
  const char* at = strstr(text, "\nlock heap: ");
  CHECK_EQ(NumberAfter(&at, "locks "), hak_heaps(NULL, 0));
  const uint64_t acquired = NumberAfter(&at, ", acquired ");
  const uint64_t contended = NumberAfter(&at, ", contended ");
  CHECK_GE(contended, 1);
  CHECK_GE(acquired, contended);
  CHECK_GE(NumberAfter(&at, ", spins "), 1);
  CHECK_GE(NumberAfter(&at, ", waits "), 1);
  const uint64_t waited = NumberAfter(&at, ", waited_ns ");
  const uint64_t longest = NumberAfter(&at, ", longest_ns ");
  CHECK_GE(waited, longest);
  CHECK_GE(longest, 1);
  static const char* const kNames[] = {"registry", "orphans", "spans",
                                       "huge",     "window",  "metadata"};
  for (size_t i = 0; i < sizeof kNames / sizeof kNames[0]; ++i) {
    char name[64];
    snprintf(name, sizeof name, "\nlock %s: locks ", kNames[i]);
    CHECK_EQ(Number(name), 1);
  }
  at = text;
  CHECK_GE(NumberAfter(&at, "\nstages: kept "), 1);
  CHECK_GE(NumberAfter(&at, ", adopted "), 1);
  CHECK_GE(NumberAfter(&at, ", pool "), 1);
  CHECK_GE(NumberAfter(&at, ", mapping "), 1);
  ReadBack(HAK_JSON);
  CHECK_GE(Number("{\"name\":\"heap\",\"locks\":"), 1);
  CHECK_GE(Number("\"stages\":{\"kept\":"), 1);
}

// --- glibc's names

#if defined(__GLIBC__)

static char stream_buffer[65536];

static void SameNumbers(void) {
  void* huge = Escape(malloc((size_t)40 << 20));
  struct hak_stats s;
  hak_stats(&s);
  const struct mallinfo2 info = mallinfo2();
  CHECK_EQ(info.uordblks, s.live - s.huge_bytes);
  CHECK_EQ(info.arena, s.mapped - s.huge_bytes);
  CHECK_EQ(info.fordblks, info.arena - info.uordblks);
  CHECK_EQ(info.hblks, 1);
  CHECK_EQ(info.hblkhd, s.huge_bytes);
  CHECK_EQ(info.fsmblks, s.cached);
  CHECK_EQ(info.keepcost, s.dirty);

  memset(text, 0, sizeof text);
  FILE* stream = fmemopen(text, sizeof text, "w");
  CHECK(stream != NULL);
  setvbuf(stream, stream_buffer, _IOFBF, sizeof stream_buffer);
  hak_stats(&s);
  CHECK_EQ(malloc_info(0, stream), 0);
  fclose(stream);
  // In the order of glibc, within <heap> and once more behind it.
  const char* at = text;
  uint64_t cached = 0;
  const char* const sizes_end = strstr(text, "</sizes>");
  CHECK_NOTE(sizes_end != NULL, text);
  while (strstr(at, " total=\"") != NULL &&
         strstr(at, " total=\"") < sizes_end) {
    cached += NumberAfter(&at, " total=\"");
  }
  CHECK_LE(cached, s.cached);
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(NumberAfter(&at, "<total type=\"fast\" count=\""),
             s.cached_blocks);
    CHECK_EQ(NumberAfter(&at, "\" size=\""), s.cached);
    CHECK_EQ(NumberAfter(&at, "<total type=\"rest\" count=\""), 0);
    CHECK_EQ(NumberAfter(&at, "\" size=\""), s.dirty);
    if (i == 1) {
      CHECK_EQ(NumberAfter(&at, "<total type=\"mmap\" count=\""), 1);
      CHECK_EQ(NumberAfter(&at, "\" size=\""), s.huge_bytes);
    }
    CHECK_EQ(NumberAfter(&at, "<system type=\"current\" size=\""), info.arena);
    CHECK_EQ(NumberAfter(&at, "<system type=\"max\" size=\""), s.peak_mapped);
    CHECK_EQ(NumberAfter(&at, "<aspace type=\"total\" size=\""), info.arena);
    CHECK_EQ(NumberAfter(&at, "<aspace type=\"mprotect\" size=\""), info.arena);
  }
  free(huge);
}

#else
static void SameNumbers(void) {}
#endif

int main(void) {
  CheckHeapUnderTest();
  Forms();
  Counts();
  PerHeap();
  UnderLoad();
  Forms();  // of many heaps
  SameNumbers();
  Locks();
  return CheckReport("gauges_test");
}
