// Box:   tests/process.   Uses: tests/support.h.
// Holds: the life of threads: thousands of them leak nothing, frees after a
//        thread's end, blocks that cross threads, threads that only free.
//        `threads_test 100000` churns that many threads (default 5,000).
// Read next: fork_test.c
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "tests/support.h"

enum { kBatch = 20, kKept = 8, kKeys = 40 };

extern size_t hak_trim(int level) __attribute__((weak));

// What lies idle goes up and down with which threads happen to overlap and with
// the time that passes: a leak shows in what a trim leaves.
static Memory MemoryTrimmed(void) {
  if (hak_trim != NULL) (void)hak_trim(1);
  return MemoryNow();
}

// Fails when more than so much is idle, mapped or resident, or was lost.
static void CheckLeak(Memory before, size_t idle) {
  CheckGrowth(before, idle, idle);
  (void)MemoryTrimmed();
  CheckGrowth(before, (size_t)2 << 20, (size_t)256 << 10);
}

// ---- Churn: each thread leaves blocks behind for the main thread to free.

typedef struct {
  unsigned seed;
  void* kept[kKept];
} Guest;

static void* Visit(void* arg) {
  Guest* guest = (Guest*)arg;
  Random r = {guest->seed};
  void* own[32];
  for (int i = 0; i < 32; ++i) {
    const size_t n = RandomSize(&r, 12);
    own[i] = Escape(malloc(n));
    CHECK(own[i] != NULL);
    memset(own[i], 1, n);
  }
  for (int i = 0; i < kKept; ++i) {
    guest->kept[i] = Escape(malloc(RandomSize(&r, 11)));
    CHECK(guest->kept[i] != NULL);
  }
  for (int i = 0; i < 32; ++i) free(own[i]);
  return NULL;
}

static void ChurnRound(unsigned seed) {
  pthread_t threads[kBatch];
  Guest guests[kBatch];
  for (unsigned i = 0; i < kBatch; ++i) {
    guests[i].seed = seed * kBatch + i;
    CHECK_EQ(pthread_create(&threads[i], NULL, Visit, &guests[i]), 0);
  }
  for (unsigned i = 0; i < kBatch; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int k = 0; k < kKept; ++k) free(guests[i].kept[k]);
  }
}

static void TestChurn(unsigned threads) {
  const unsigned rounds = threads / kBatch;
  const unsigned warm = rounds / 10 + 10;
  for (unsigned i = 0; i < warm; ++i) ChurnRound(i);
  const Memory before = MemoryTrimmed();
  for (unsigned i = 0; i < rounds; ++i) ChurnRound(warm + i);
  // A lost 100-byte block per thread would be 500 KB of 5,000 threads, a lost
  // slab 320 MB.
  CheckLeak(before, (size_t)16 << 20);
}

// ---- Thread-specific data, whose destructors run in a dying thread.

static pthread_key_t keys[kKeys];
static atomic_int destroyed;
static atomic_int rounds_left;

static void Destroy(void* value) {
  unsigned char* p = (unsigned char*)value;
  CHECK_EQ(p[0], 0x3C);
  free(p);
  // malloc here may be this thread's first call after its cache was given up.
  for (size_t n = 1; n < 100000; n *= 5) {
    p = (unsigned char*)Escape(malloc(n));
    CHECK(p != NULL);
    memset(p, 2, n);
    free(p);
  }
  atomic_fetch_add(&destroyed, 1);
}

// Sets its key again from the destructor, up to the limit of iterations: the
// block is freed later than every other destructor, or by the next round.
static pthread_key_t stubborn;
static void DestroyLate(void* value) {
  free(value);
  if (atomic_fetch_sub(&rounds_left, 1) > 0) {
    void* again = Escape(malloc(77));
    CHECK(again != NULL);
    CHECK_EQ(pthread_setspecific(stubborn, again), 0);
  }
}

static void* SetKeys(void* count) {
  for (size_t i = 0; i < (size_t)(uintptr_t)count; ++i) {
    unsigned char* p = (unsigned char*)Escape(malloc(20 + i * 50));
    CHECK(p != NULL);
    p[0] = 0x3C;
    CHECK_EQ(pthread_setspecific(keys[i], p), 0);
  }
  CHECK_EQ(pthread_setspecific(stubborn, Escape(malloc(77))), 0);
  return NULL;
}

static void TestKeys(size_t count) {
  Memory before = MemoryNow();
  for (int round = 0; round < 220; ++round) {
    if (round == 20) before = MemoryTrimmed();
    pthread_t thread;
    atomic_store(&destroyed, 0);
    atomic_store(&rounds_left, 3);
    void* const arg = (void*)(uintptr_t)count;
    CHECK_EQ(pthread_create(&thread, NULL, SetKeys, arg), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(atomic_load(&destroyed), count);
  }
  CheckLeak(before, (size_t)16 << 20);
}

// ---- A thread allocates everything, ends, and another frees everything.

enum { kEverything = 6000 };
static unsigned char* everything[kEverything];
static size_t everything_size[kEverything];

static void* AllocateEverything(void* unused) {
  Random r = {99};
  for (size_t i = 0; i < kEverything; ++i) {
    const size_t n = RandomSize(&r, i % 100 == 0 ? 21 : 14);
    unsigned char* p = (unsigned char*)Escape(
        i % 5 == 0 ? memalign((size_t)16 << (i % 9), n) : malloc(n));
    CHECK(p != NULL);
    Paint(p, n, i);
    everything[i] = p;
    everything_size[i] = n;
  }
  return unused;
}

static void* FreeEverything(void* unused) {
  for (size_t i = 0; i < kEverything; ++i) {
    const size_t n = everything_size[i];
    CHECK_EQ(PaintBreak(everything[i], n, n, i), n);
    free(everything[i]);
  }
  return unused;
}

static void Run(void* (*body)(void*)) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, body, NULL), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void TestHandOver(void) {
  Memory before = MemoryNow();
  for (int round = 0; round < 12; ++round) {
    if (round == 2) before = MemoryTrimmed();
    Run(AllocateEverything);
    Run(FreeEverything);  // a thread that only frees
    Run(AllocateEverything);
    FreeEverything(NULL);
    AllocateEverything(NULL);
    Run(FreeEverything);
  }
  // About 70 MB go through each round; dead heaps must not keep any of it, and
  // what is idle is as much as was ever live at the most.
  CheckLeak(before, (size_t)48 << 20);
}

// ---- Producer and consumer at the same time, with a bounded queue.

enum { kQueue = 1024 };
static size_t messages;
static unsigned char* queue[kQueue];
static sem_t queue_full, queue_empty;

static void* Consume(void* unused) {
  for (size_t i = 0; i < messages; ++i) {
    while (sem_wait(&queue_full) != 0) {
    }
    unsigned char* p = queue[i % kQueue];
    CHECK_EQ(p[0], (unsigned char)i);
    free(p);
    sem_post(&queue_empty);
  }
  return unused;
}

static void TestProducerConsumer(void) {
  messages = OnEmulator() ? 50000 : 600000;
  CHECK_EQ(sem_init(&queue_full, 0, 0), 0);
  CHECK_EQ(sem_init(&queue_empty, 0, kQueue), 0);
  const Memory before = MemoryNow();
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, Consume, NULL), 0);
  Random r = {5};
  for (size_t i = 0; i < messages; ++i) {
    while (sem_wait(&queue_empty) != 0) {
    }
    unsigned char* p = (unsigned char*)Escape(malloc(RandomSize(&r, 10)));
    CHECK(p != NULL);
    p[0] = (unsigned char)i;
    queue[i % kQueue] = p;
    sem_post(&queue_full);
  }
  CHECK_EQ(pthread_join(thread, NULL), 0);
  // 600,000 messages of 90 bytes on average are 54 MB; 1,024 live at most.
  // An owner that never collects what others freed would keep them all.
  CheckGrowth(before, (size_t)24 << 20, (size_t)8 << 20);
}

// ---- What threads have left half full is found behind what they left full.

enum { kOwners = 5, kOwnerBlocks = 14, kOwnerBytes = 4300 };

typedef struct {
  pthread_t thread;
  sem_t ready, end;
  int count;
  char* blocks[kOwnerBlocks];
} Owner;

static void* Own(void* arg) {
  Owner* owner = (Owner*)arg;
  for (int i = 0; i < owner->count; ++i) {
    owner->blocks[i] = (char*)Escape(malloc(kOwnerBytes));
    CHECK(owner->blocks[i] != NULL);
  }
  CHECK_EQ(sem_post(&owner->ready), 0);
  CHECK_EQ(sem_wait(&owner->end), 0);
  return NULL;
}

static uintptr_t SlabOf(const void* block) { return (uintptr_t)block >> 16; }

// Where its block was.
static void* AllocateOne(void* slab) {
  char* block = (char*)Escape(malloc(kOwnerBytes));
  CHECK(block != NULL);
  *(uintptr_t*)slab = SlabOf(block);
  free(block);
  return NULL;
}

static void TestOrphans(void) {
  static Owner owners[kOwners];
  for (int i = 0; i < kOwners; ++i) {
    Owner* owner = &owners[i];
    // The first leaves half of a slab, the others all of one.
    owner->count = i == 0 ? kOwnerBlocks / 2 : kOwnerBlocks;
    CHECK_EQ(sem_init(&owner->ready, 0, 0), 0);
    CHECK_EQ(sem_init(&owner->end, 0, 0), 0);
    CHECK_EQ(pthread_create(&owner->thread, NULL, Own, owner), 0);
    CHECK_EQ(sem_wait(&owner->ready), 0);
  }
  for (int i = 0; i < kOwners; ++i) {
    CHECK_EQ(sem_post(&owners[i].end), 0);
    CHECK_EQ(pthread_join(owners[i].thread, NULL), 0);
  }
  // A few are looked at each time: the second look finds it.
  uintptr_t slab = 0;
  for (int i = 0; i < 2; ++i) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, AllocateOne, &slab), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
  }
  if (OnHakmem()) CHECK_EQ(slab, SlabOf(owners[0].blocks[0]));
  for (int i = 0; i < kOwners; ++i) {
    for (int k = 0; k < owners[i].count; ++k) free(owners[i].blocks[k]);
  }
}

int main(int argc, char** argv) {
  CheckHeapUnderTest();
  const unsigned threads = argc > 1       ? (unsigned)atoi(argv[1])
                           : OnEmulator() ? 1000
                                          : 5000;
  alarm(threads > 5000 ? 1200 : 240);
  CHECK_EQ(pthread_key_create(&stubborn, DestroyLate), 0);
  TestOrphans();
  TestKeys(0);
  TestProducerConsumer();
  TestHandOver();
  TestChurn(threads);
  // glibc keeps the first 32 keys in the thread itself and allocates for more.
  for (int i = 0; i < kKeys; ++i) {
    CHECK_EQ(pthread_key_create(&keys[i], Destroy), 0);
  }
  TestKeys(kKeys);
  TestChurn(threads / 5);
  return CheckReport("threads_test");
}
