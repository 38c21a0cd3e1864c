// latency: every single call timed with the cycle counter, `calls` of them
// (half malloc, half free) over `live` blocks in steady state. Two passes over
// the same loop:
//   timed    percentiles up to the maximum, and page faults (getrusage).
//            max_quiet leaves out the stretches of 1,000 pairs in which the
//            scheduler took the core away from this thread.
//   counted  system calls by number (see syscall_counter.h), and
//            max_no_syscall, the longest call that made none, again over quiet
//            stretches only.
// The cost of reading the counter (the smallest of 10,000 empty readings) is
// taken off each value. One operation is one free and one malloc, with the
// readings.
//
//   gcc -O2 -static -o latency latency.c syscall_counter.c support.c
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cycles.h"
#include "support.h"
#include "syscall_counter.h"

enum { kLive, kMin, kMax, kCalls, kWarmup };
static struct BenchOption g_options[] = {
    [kLive] = {"live", 10000, 500, NULL},
    [kMin] = {"min", 16, 16, NULL},
    [kMax] = {"max", 1024, 1024, NULL},
    [kCalls] = {"calls", 10000000, 20000, NULL},
    [kWarmup] = {"warmup", 2000000, 5000, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

// Values below 64 have a bucket each; above, every doubling has 32.
enum { kExact = 64, kPerDoubling = 32, kBuckets = 64 + 58 * kPerDoubling };
enum { kStretch = 1000 };

struct Histogram {
  uint64_t counts[kBuckets];
  uint64_t total;
  uint64_t max;
};

struct Loop {
  void** blocks;
  struct BenchRandom random;
  uint64_t overhead;  // of one pair of readings
  struct Histogram* mallocs;
  struct Histogram* frees;
  uint64_t stretch_max;    // of the present 1,000 pairs
  uint64_t stretch_plain;  // the same over calls without a system call
};

static long Value(int option) { return g_options[option].value; }

static int BucketOf(uint64_t value) {
  if (value < kExact) return (int)value;
  int exponent = 63 - __builtin_clzll(value);
  int step = (int)(value >> (exponent - 5)) - kPerDoubling;
  return kExact + (exponent - 6) * kPerDoubling + step;
}

// The top of a bucket.
static uint64_t TopOf(int bucket) {
  if (bucket < kExact) return (uint64_t)bucket;
  int exponent = (bucket - kExact) / kPerDoubling + 6;
  uint64_t step = (uint64_t)((bucket - kExact) % kPerDoubling);
  return ((step + kPerDoubling + 1) << (exponent - 5)) - 1;
}

static void Add(struct Loop* loop, struct Histogram* histogram,
                uint64_t elapsed, long syscalls) {
  uint64_t value = elapsed > loop->overhead ? elapsed - loop->overhead : 0;
  ++histogram->counts[BucketOf(value)];
  ++histogram->total;
  if (value > histogram->max) histogram->max = value;
  if (value > loop->stretch_max) loop->stretch_max = value;
  if (syscalls == 0 && value > loop->stretch_plain) loop->stretch_plain = value;
}

static uint64_t Percentile(const struct Histogram* histogram, double percent) {
  if (percent >= 100) return histogram->max;
  uint64_t rank = (uint64_t)((double)histogram->total * percent / 100);
  uint64_t seen = 0;
  for (int i = 0; i < kBuckets; ++i) {
    seen += histogram->counts[i];
    if (seen > rank) {
      return TopOf(i) < histogram->max ? TopOf(i) : histogram->max;
    }
  }
  return histogram->max;
}

static void Pair(struct Loop* loop) {
  uint32_t victim = BenchBelow(&loop->random, (uint32_t)Value(kLive));
  size_t size =
      BenchBetween(&loop->random, (size_t)Value(kMin), (size_t)Value(kMax));
  void* old = loop->blocks[victim];
  long before = g_syscall_count;
  uint64_t start = CyclesBefore();
  free(old);
  uint64_t end = CyclesAfter();
  Add(loop, loop->frees, end - start, g_syscall_count - before);
  before = g_syscall_count;
  start = CyclesBefore();
  void* block = malloc(size);
  end = CyclesAfter();
  Add(loop, loop->mallocs, end - start, g_syscall_count - before);
  if (block == NULL) BenchFail("malloc returned NULL");
  BenchTouch(block, size);
  loop->blocks[victim] = block;
}

struct Quiet {
  uint64_t max;
  uint64_t plain;  // over calls without a system call
};

static struct Quiet RunPairs(struct Loop* loop, long pairs) {
  struct Quiet quiet = {0, 0};
  while (pairs > 0) {
    long switches = InvoluntarySwitches();
    loop->stretch_max = 0;
    loop->stretch_plain = 0;
    for (long i = 0; i < kStretch && pairs > 0; ++i, --pairs) Pair(loop);
    if (InvoluntarySwitches() != switches) continue;
    if (loop->stretch_max > quiet.max) quiet.max = loop->stretch_max;
    if (loop->stretch_plain > quiet.plain) quiet.plain = loop->stretch_plain;
  }
  return quiet;
}

static uint64_t ReadingOverhead(void) {
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < 10000; ++i) {
    uint64_t start = CyclesBefore();
    uint64_t elapsed = CyclesAfter() - start;
    if (elapsed < best) best = elapsed;
  }
  return best;
}

static void ReportCurve(const char* name, const struct Histogram* histogram,
                        double ns_per_cycle) {
  static const double kPercents[] = {10,    25,     50,     75,      90,
                                     95,    99,     99.5,   99.9,    99.95,
                                     99.99, 99.995, 99.999, 99.9999, 100};
  for (size_t i = 0; i < sizeof kPercents / sizeof kPercents[0]; ++i) {
    BenchReportAt(name, kPercents[i], "ns",
                  (double)Percentile(histogram, kPercents[i]) * ns_per_cycle);
  }
}

static void Clear(struct Loop* loop) {
  memset(loop->mallocs, 0, sizeof *loop->mallocs);
  memset(loop->frees, 0, sizeof *loop->frees);
}

static void TimedPass(struct Loop* loop, double* ns_per_cycle) {
  long pairs = Value(kCalls) / 2;
  struct BenchTimer timer;
  BenchStart(&timer);
  uint64_t start_ns = BenchNow();
  uint64_t start = CyclesBefore();
  struct Quiet quiet = RunPairs(loop, pairs);
  uint64_t cycles = CyclesAfter() - start;
  *ns_per_cycle = (double)(BenchNow() - start_ns) / (double)cycles;
  BenchStop(&timer, (uint64_t)pairs);
  ReportCurve("malloc_latency", loop->mallocs, *ns_per_cycle);
  ReportCurve("free_latency", loop->frees, *ns_per_cycle);
  for (int i = 0; i < kBuckets; ++i) {
    loop->mallocs->counts[i] += loop->frees->counts[i];
  }
  loop->mallocs->total += loop->frees->total;
  if (loop->frees->max > loop->mallocs->max) {
    loop->mallocs->max = loop->frees->max;
  }
  ReportCurve("latency", loop->mallocs, *ns_per_cycle);
  BenchReport("max_quiet", "ns", (double)quiet.max * *ns_per_cycle);
}

static void CountedPass(struct Loop* loop, double ns_per_cycle) {
  if (!StartCountingSyscalls()) return;
  long before = SyscallCount();
  struct Quiet quiet = RunPairs(loop, Value(kCalls) / 2);
  BenchReport("syscalls", "count", (double)(SyscallCount() - before));
  BenchReport("max_no_syscall", "ns", (double)quiet.plain * ns_per_cycle);
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  uint32_t live = (uint32_t)Value(kLive);
  if (live < 1 || Value(kMin) < 1 || Value(kMax) < Value(kMin) ||
      Value(kCalls) < 2) {
    BenchFail("needs live >= 1, 1 <= min <= max and calls >= 2");
  }
  struct Loop loop;
  memset(&loop, 0, sizeof loop);
  loop.blocks = BenchMapTouched(live * sizeof *loop.blocks);
  loop.random = BenchSeed(17);
  loop.mallocs = BenchMapTouched(sizeof *loop.mallocs);
  loop.frees = BenchMapTouched(sizeof *loop.frees);
  loop.overhead = ReadingOverhead();
  for (uint32_t i = 0; i < live; ++i) {
    size_t size =
        BenchBetween(&loop.random, (size_t)Value(kMin), (size_t)Value(kMax));
    loop.blocks[i] = BenchMalloc(size);
    BenchTouch(loop.blocks[i], size);
  }
  RunPairs(&loop, Value(kWarmup));
  Clear(&loop);
  double ns_per_cycle = 1;
  TimedPass(&loop, &ns_per_cycle);
  Clear(&loop);
  CountedPass(&loop, ns_per_cycle);
  for (uint32_t i = 0; i < live; ++i) free(loop.blocks[i]);
  BenchReportMemory();
  return 0;
}
