// Box:   tests/stress.   Uses: model.h.
// Holds: main() of the randomized stress: threads that come and go, blocks that
//        cross threads, forks, all compared with a shadow model.
//
//   stress_test [--seconds=N] [--operations=N] [--threads=N] [--seed=S]
//
// Each thread's calls are a function of the seed; with --threads=1 the whole
// run is. A failure prints the seed. For hours: --seconds=36000. Read next:
// model.h
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "hakmem.h"
#include "tests/stress/model.h"

enum { kMaxThreads = 16, kMailbox = 512, kRound = 4000 };

typedef struct {
  double seconds;
  uint64_t operations;  // per thread; 0: as many as the time allows
  unsigned threads;
  uint64_t seed;
} Options;

static Options options = {3.0, 0, 4, 0};
static double deadline;
static atomic_ullong total_operations;
static atomic_uint forks;

// ---- The mailbox: a place per slot, swapped under the slot's own lock.

typedef struct {
  atomic_flag busy;
  Block block;
} Slot;
static Slot mailbox[kMailbox];

static void LockSlot(Slot* slot) {
  while (atomic_flag_test_and_set_explicit(&slot->busy, memory_order_acquire)) {
    sched_yield();
  }
}

static Block ExchangeBlocks(Block give, Random* random) {
  Slot* const slot = &mailbox[RandomBelow(random, kMailbox)];
  LockSlot(slot);
  const Block taken = slot->block;
  slot->block = give;
  atomic_flag_clear_explicit(&slot->busy, memory_order_release);
  return taken;
}

// ---- fork: the child sees the heap as it was, uses it and is gone.

// The mailbox may be locked by a thread that the child does not have; only
// this thread's own model is used there.
static void ForkOnce(Model* model) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(60);
    ModelCheckAll(model);
    for (int i = 0; i < 300; ++i) {
      Block block = {NULL, 0, 0};
      block.size = 1 + RandomBelow(&model->random, 3000);
      block.p = (unsigned char*)Escape(malloc(block.size));
      CHECK(block.p != NULL);
      Paint(block.p, block.size, 0);
      BlockCheckAndFree(&block, &model->random);
    }
    ModelFreeAll(model);
    _exit(0);
  }
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
  atomic_fetch_add(&forks, 1);
}

// ---- Threads. A worker hands its model to a successor thread from time to
// time, so that blocks outlive the thread that allocated them.

static bool Finished(const Model* model) {
  if (options.operations != 0) {
    return model->operations >= options.operations;
  }
  return Seconds() >= deadline;
}

static void* Round(void* arg) {
  Model* const model = (Model*)arg;
  for (int i = 0; i < kRound; ++i) ModelStep(model, ExchangeBlocks);
  const size_t what = RandomBelow(&model->random, 40);
  if (what == 0) ModelFreeAll(model);
  if (what == 1) ModelCheckAll(model);
  if (what == 2) ForkOnce(model);
  return NULL;
}

static void* Worker(void* arg) {
  Model* const model = (Model*)arg;
  while (!Finished(model)) {
    if (RandomBelow(&model->random, 4) != 0) {
      Round(model);
      continue;
    }
    pthread_t successor;
    CHECK_EQ(pthread_create(&successor, NULL, Round, model), 0);
    CHECK_EQ(pthread_join(successor, NULL), 0);
  }
  ModelCheckAll(model);
  atomic_fetch_add(&total_operations, model->operations);
  return NULL;
}

static void ParseOptions(int argc, char** argv) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  options.seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
  for (int i = 1; i < argc; ++i) {
    const char* const value = strchr(argv[i], '=');
    if (value == NULL) {
      fprintf(stderr, "stress_test: %s has no value.\n", argv[i]);
      exit(2);
    }
    const unsigned long long number = strtoull(value + 1, NULL, 0);
    if (strncmp(argv[i], "--seconds=", 10) == 0) {
      options.seconds = (double)number;
    } else if (strncmp(argv[i], "--operations=", 13) == 0) {
      options.operations = number;
    } else if (strncmp(argv[i], "--threads=", 10) == 0) {
      options.threads = (unsigned)number;
    } else if (strncmp(argv[i], "--seed=", 7) == 0) {
      options.seed = number;
    } else {
      fprintf(stderr, "stress_test: there is no option %s.\n", argv[i]);
      exit(2);
    }
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    fprintf(stderr, "stress_test: --threads is 1 to %d.\n", kMaxThreads);
    exit(2);
  }
}

static void Report(void) {
  char line[200];
  const int n = snprintf(
      line, sizeof line, "stress_test: seed %llu, %llu operations, %u forks\n",
      (unsigned long long)options.seed,
      (unsigned long long)atomic_load(&total_operations), atomic_load(&forks));
  CHECK(write(1, line, (size_t)n) == n);
}

// All is quiet and all is freed: the books must agree with that. (tests/boxes
// walks the slabs themselves.)
static void CheckBooks(void) {
  struct hak_stats stats;
  hak_stats(&stats);
  CHECK_LE(stats.live + stats.cached, stats.committed);
  CHECK_LE(stats.committed, stats.mapped);
  CHECK_LE(stats.live, (size_t)1 << 20);
  CHECK_EQ(stats.huge_blocks, 0);
}

int main(int argc, char** argv) {
  static Model models[kMaxThreads];
  pthread_t threads[kMaxThreads];
  CheckHeapUnderTest();
  ParseOptions(argc, argv);
  snprintf(check_context, sizeof check_context,
           "again by: --seed=%llu --threads=%u",
           (unsigned long long)options.seed, options.threads);
  deadline = Seconds() + options.seconds;
  for (unsigned i = 0; i < options.threads; ++i) {
    models[i].random.state = options.seed + i * 0x1000003;
    models[i].byte_limit = (size_t)24 << 20;
    CHECK_EQ(pthread_create(&threads[i], NULL, Worker, &models[i]), 0);
  }
  for (unsigned i = 0; i < options.threads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  Random r = {options.seed};
  for (unsigned i = 0; i < options.threads; ++i) ModelFreeAll(&models[i]);
  for (size_t i = 0; i < kMailbox; ++i) {
    BlockCheckAndFree(&mailbox[i].block, &r);
  }
  CheckBooks();
  Report();
  return CheckReport("stress_test");
}
