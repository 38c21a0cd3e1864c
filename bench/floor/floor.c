// floor: the least that could serve the workloads' loops. It is no allocator
// to use but the limit that ratios are formed against: a stack of free blocks
// per thread and class, nothing checked, nothing given back, no owner of a
// block. The class of a pointer is a subtraction and a shift, because every
// class has a gigabyte of address space to itself; so free loads nothing but
// the stack's head, and the objects of the workloads need not be built anew.
//
// Two forms:
//   FLOOR_EXCHANGE 0   free pushes, always. Right where each thread frees about
//                      as much as it allocates.
//   FLOOR_EXCHANGE 1   for workloads that move blocks from thread to thread, or
//                      whose threads end: a stack of more than kBatch blocks is
//                      handed to all threads as a whole, which costs free
//                      one counter.
//
//   gcc -O2 -DFLOOR_EXCHANGE=0 -c floor.c     (then link with a workload)
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const bool kExchange = FLOOR_EXCHANGE;

enum {
  kLinear = 64,      // 16 .. 1024 bytes in steps of 16
  kPerDoubling = 8,  // above
  kDoublings = 17,   // .. 128 MiB
  kClasses = kLinear + kDoublings * kPerDoubling + 1,
  kRegionShift = 30,
  kChunk = 65536,  // what a thread takes from a region at a time
  kBatch = 64,
};

struct Block {
  struct Block* next;
  struct Block* next_batch;  // in the first block of a batch that is exchanged
};

struct Stack {
  struct Block* head;
  uintptr_t count;
};

struct Carve {
  uintptr_t next;
  uintptr_t end;
};

// What all threads share about a class.
struct Region {
  _Alignas(64) atomic_uintptr_t used;
  atomic_flag lock;
  struct Block* batches;
};

static uintptr_t g_base;
static struct Region g_regions[kClasses];
static pthread_mutex_t g_start = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t g_exit_key;
static __thread struct Stack t_stacks[kClasses];
static __thread struct Carve t_carves[kClasses];
static __thread bool t_registered;

static inline size_t ClassOf(size_t size) {
  if (size <= 1024) return size == 0 ? 1 : (size + 15) >> 4;
  size_t last = size - 1;
  unsigned exponent = 63u - (unsigned)__builtin_clzll(last);
  return kLinear + 1 + (exponent - 10) * kPerDoubling +
         ((last >> (exponent - 3)) & (kPerDoubling - 1));
}

static size_t SizeOf(size_t class) {
  if (class <= kLinear) return class << 4;
  size_t above = class - kLinear - 1;
  return (kPerDoubling + above % kPerDoubling + 1)
         << (above / kPerDoubling + 7);
}

static size_t ClassOfBlock(const void* block) {
  return ((uintptr_t)block - g_base) >> kRegionShift;
}

static void Lock(struct Region* region) {
  while (
      atomic_flag_test_and_set_explicit(&region->lock, memory_order_acquire)) {
  }
}

static void Unlock(struct Region* region) {
  atomic_flag_clear_explicit(&region->lock, memory_order_release);
}

static void GiveBatch(size_t class) {
  struct Stack* stack = &t_stacks[class];
  struct Region* region = &g_regions[class];
  if (stack->head == NULL) return;
  Lock(region);
  stack->head->next_batch = region->batches;
  region->batches = stack->head;
  Unlock(region);
  stack->head = NULL;
  stack->count = 0;
}

static bool TakeBatch(size_t class) {
  struct Region* region = &g_regions[class];
  if (region->batches == NULL) return false;
  Lock(region);
  struct Block* batch = region->batches;
  if (batch != NULL) region->batches = batch->next_batch;
  Unlock(region);
  t_stacks[class].head = batch;
  return batch != NULL;
}

static void OnThreadExit(void* unused) {
  (void)unused;
  for (size_t class = 0; class < kClasses; ++class) GiveBatch(class);
}

static void Start(void) {
  pthread_mutex_lock(&g_start);
  if (g_base == 0) {
    void* pages = mmap(NULL, (size_t)(kClasses + 1) << kRegionShift,
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) abort();
    if (kExchange) pthread_key_create(&g_exit_key, OnThreadExit);
    // Regions start at a multiple of their size: blocks of a power of two are
    // then aligned to their size, which is all that memalign needs.
    uintptr_t mask = ((uintptr_t)1 << kRegionShift) - 1;
    g_base = ((uintptr_t)pages + mask) & ~mask;
  }
  pthread_mutex_unlock(&g_start);
}

static void* CarveBlock(size_t class) {
  size_t size = SizeOf(class);
  struct Carve* carve = &t_carves[class];
  if (carve->next == carve->end) {
    size_t chunk = size > kChunk ? size : kChunk / size * size;
    uintptr_t used = atomic_fetch_add(&g_regions[class].used, chunk);
    if ((used + chunk) >> kRegionShift != 0) abort();
    carve->next = g_base + ((uintptr_t) class << kRegionShift) + used;
    carve->end = carve->next + chunk;
  }
  void* block = (void*)carve->next;
  carve->next += size;
  return block;
}

static __attribute__((noinline)) void* MallocSlow(size_t size) {
  size_t class = ClassOf(size);
  if (size > (size_t)1 << 40 || class >= kClasses) {
    errno = ENOMEM;
    return NULL;
  }
  if (g_base == 0) Start();
  if (kExchange && !t_registered) {
    // Before the call: pthread_setspecific may allocate.
    t_registered = true;
    pthread_setspecific(g_exit_key, t_stacks);
  }
  if (kExchange && TakeBatch(class)) {
    struct Stack* stack = &t_stacks[class];
    struct Block* block = stack->head;
    stack->head = block->next;
    return block;
  }
  return CarveBlock(class);
}

void* malloc(size_t size) {
  size_t class = ClassOf(size);
  if (__builtin_expect(class >= kClasses, 0)) return MallocSlow(size);
  struct Stack* stack = &t_stacks[class];
  struct Block* block = stack->head;
  if (__builtin_expect(block == NULL, 0)) return MallocSlow(size);
  stack->head = block->next;
  if (kExchange && stack->count > 0) --stack->count;
  return block;
}

void free(void* pointer) {
  if (pointer == NULL) return;
  size_t class = ClassOfBlock(pointer);
  struct Stack* stack = &t_stacks[class];
  struct Block* block = pointer;
  block->next = stack->head;
  stack->head = block;
  if (kExchange && ++stack->count >= kBatch) GiveBatch(class);
}

size_t malloc_usable_size(void* pointer) {
  return pointer == NULL ? 0 : SizeOf(ClassOfBlock(pointer));
}

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  void* block = malloc(bytes);
  return block == NULL ? NULL : memset(block, 0, bytes);
}

void* realloc(void* old, size_t size) {
  if (old == NULL) return malloc(size);
  size_t usable = malloc_usable_size(old);
  if (size <= usable && size > usable / 2) return old;
  void* block = malloc(size);
  if (block == NULL) return NULL;
  memcpy(block, old, size < usable ? size : usable);
  free(old);
  return block;
}

void* memalign(size_t alignment, size_t size) {
  size_t power = alignment;
  while (power < size) power *= 2;
  return malloc(power);
}

void* aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  void* block = memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}
