// producer_consumer: blocks are allocated by one thread and freed by another.
//   mode=1:1   one producer, one consumer
//   mode=1:n   one producer deals out to n consumers
//   mode=n:1   n producers feed one consumer
//   mode=ring  n threads; each frees what its neighbour allocated, and
//              allocates the next block for its other neighbour
// The queues are rings of `queue` pointers, one writer and one reader each, in
// pages of the bench. An allocator whose foreign frees are never reused by the
// producer shows it in peak_rss. One operation is one malloc and one free.
//
//   gcc -O2 -static -o producer_consumer producer_consumer.c support.c -pthread
//   ./producer_consumer mode=1:n n=2
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support.h"

enum { kMode, kN, kOperations, kQueue, kMin, kMax };
enum { kOneToOne, kOneToMany, kManyToOne, kRing };
static struct BenchOption g_options[] = {
    [kMode] = {"mode", kOneToOne, kOneToOne, "1:1 1:n n:1 ring"},
    [kN] = {"n", 2, 2, NULL},
    [kOperations] = {"operations", 4000000, 20000, NULL},
    [kQueue] = {"queue", 1024, 64, NULL},
    [kMin] = {"min", 16, 16, NULL},
    [kMax] = {"max", 512, 512, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

// Head and tail on lines of their own; the queue must cost less than the calls.
struct Queue {
  _Alignas(128) atomic_size_t head;
  _Alignas(128) atomic_size_t tail;
  _Alignas(128) void** items;
};

struct Worker {
  struct Queue* in;  // `queues` of them, read in turn
  struct Queue* out;
  int queues;
  long operations;
  uint64_t seed;
};

static long Value(int option) { return g_options[option].value; }

static void Push(struct Queue* queue, void* item) {
  size_t capacity = (size_t)Value(kQueue);
  size_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
  while (tail - atomic_load_explicit(&queue->head, memory_order_acquire) ==
         capacity) {
    sched_yield();
  }
  queue->items[tail % capacity] = item;
  atomic_store_explicit(&queue->tail, tail + 1, memory_order_release);
}

static void* Pop(struct Queue* queue) {
  size_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
  while (head == atomic_load_explicit(&queue->tail, memory_order_acquire)) {
    sched_yield();
  }
  void* item = queue->items[head % (size_t)Value(kQueue)];
  atomic_store_explicit(&queue->head, head + 1, memory_order_release);
  return item;
}

static void* NewBlock(struct BenchRandom* random) {
  size_t size = BenchBetween(random, (size_t)Value(kMin), (size_t)Value(kMax));
  void* block = BenchMalloc(size);
  BenchTouch(block, size);
  return block;
}

static void* Produce(void* context) {
  struct Worker* worker = context;
  struct BenchRandom random = BenchSeed(worker->seed);
  for (long i = 0; i < worker->operations; ++i) {
    Push(&worker->out[i % worker->queues], NewBlock(&random));
  }
  return NULL;
}

static void* Consume(void* context) {
  struct Worker* worker = context;
  for (long i = 0; i < worker->operations; ++i) {
    free(Pop(&worker->in[i % worker->queues]));
  }
  return NULL;
}

// Each thread first fills half of its neighbour's queue, so that the ring can
// turn however the threads are scheduled.
static void* Pass(void* context) {
  struct Worker* worker = context;
  struct BenchRandom random = BenchSeed(worker->seed);
  long lead = Value(kQueue) / 2;
  for (long i = 0; i < lead; ++i) Push(worker->out, NewBlock(&random));
  for (long i = lead; i < worker->operations; ++i) {
    free(Pop(worker->in));
    Push(worker->out, NewBlock(&random));
  }
  for (long i = 0; i < lead; ++i) free(Pop(worker->in));
  return NULL;
}

static void* Work(void* context) {
  struct Worker* worker = context;
  if (worker->in == NULL) return Produce(context);
  return worker->out == NULL ? Consume(context) : Pass(context);
}

static struct Queue* MakeQueues(int count) {
  struct Queue* queues = BenchMap((size_t)count * sizeof *queues);
  for (int i = 0; i < count; ++i) {
    queues[i].items = BenchMapTouched((size_t)Value(kQueue) * sizeof(void*));
  }
  return queues;
}

// The threads on the many side of mode 1:n and n:1 have one queue each.
static int MakePairs(struct Worker* workers, struct Queue* queues, int n) {
  bool many_producers = Value(kMode) == kManyToOne;
  long share = Value(kOperations) / n;
  for (int i = 0; i < n; ++i) {
    workers[i].queues = 1;
    workers[i].operations = share;
    if (many_producers) workers[i].out = &queues[i];
    if (!many_producers) workers[i].in = &queues[i];
  }
  workers[n].queues = n;
  workers[n].operations = share * n;
  if (many_producers) workers[n].in = queues;
  if (!many_producers) workers[n].out = queues;
  return n + 1;
}

static int MakeRing(struct Worker* workers, struct Queue* queues, int n) {
  for (int i = 0; i < n; ++i) {
    workers[i].queues = 1;
    workers[i].operations = Value(kOperations) / n;
    workers[i].in = &queues[i];
    workers[i].out = &queues[(i + 1) % n];
  }
  return n;
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  int n = Value(kMode) == kOneToOne ? 1 : (int)Value(kN);
  if (n < 1 || n > 64 || Value(kQueue) < 2 || Value(kMin) < 1 ||
      Value(kMax) < Value(kMin) || Value(kOperations) / n < Value(kQueue)) {
    BenchFail(
        "needs 1 <= n <= 64, queue >= 2, 1 <= min <= max and "
        "operations >= n * queue");
  }
  struct Worker* workers = BenchMap(65 * sizeof *workers);
  struct Queue* queues = MakeQueues(n);
  int threads = Value(kMode) == kRing ? MakeRing(workers, queues, n)
                                      : MakePairs(workers, queues, n);
  for (int i = 0; i < threads; ++i) workers[i].seed = (uint64_t)i + 1;
  struct BenchTimer timer;
  BenchStart(&timer);
  BenchSpawn(threads, Work, workers, sizeof *workers);
  BenchJoin();
  BenchStop(&timer, (uint64_t)(Value(kOperations) / n * n));
  BenchReportMemory();
  return 0;
}
