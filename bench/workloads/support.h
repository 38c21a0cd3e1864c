// What every workload needs and must not take from the allocator under test:
// options, memory for its own tables, clocks, random numbers, and results.
//
// Each program of this folder is plain C11 against the malloc API, so that one
// set of objects links with every allocator, on glibc and on musl. Results are
// lines "metric unit value" on stdout, written with write(2): stdio would
// allocate a buffer from the allocator that is being measured.
//
// A program is built by hand from its own file, this one's support.c and, for
// those that need one, a library; the line stands at the head of each file.
#ifndef BENCH_WORKLOADS_SUPPORT_H_
#define BENCH_WORKLOADS_SUPPORT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One option "name=value". When `words` is set the value is one of these
// blank-separated words, and `value` is the index of the word.
struct BenchOption {
  const char* name;
  long value;  // the default; after BenchParse what the command line said
  long smoke;  // the default under --smoke
  const char* words;
};

// Reads "name=value" arguments and --smoke into the table. Anything else is
// answered with a sentence on stderr and exit code 2. Returns whether --smoke
// was given.
bool BenchParse(int argc, char** argv, struct BenchOption* options,
                size_t count);

// Zeroed pages from mmap, for the bench's own tables. Ends the program when
// there are none: a workload without its tables measures nothing.
void* BenchMap(size_t bytes);
// The same, with every page touched, so that no page fault of the tables falls
// into the timed part.
void* BenchMapTouched(size_t bytes);

// One line "metric unit value".
void BenchReport(const char* metric, const char* unit, double value);
// One line "metric@at unit value": a point of a curve.
void BenchReportAt(const char* metric, double at, const char* unit,
                   double value);
// A sentence on stderr and exit code 1.
_Noreturn void BenchFail(const char* sentence);

uint64_t BenchNow(void);      // nanoseconds, monotonic
uint64_t BenchCpuTime(void);  // nanoseconds of all threads of the process
// Resident memory in KiB, exact (smaps_rollup) where the kernel has it.
long BenchRss(void);
long BenchPeakRss(void);
long BenchPageFaults(void);

// The timed part of a workload.
struct BenchTimer {
  uint64_t wall;
  uint64_t cpu;
  long faults;
};
void BenchStart(struct BenchTimer* timer);
// Reports time_per_op, cpu_per_op (nanoseconds) and page_faults since
// BenchStart. With several threads time_per_op is wall time by all their calls.
void BenchStop(const struct BenchTimer* timer, uint64_t operations);
// Reports peak_rss and final_rss. Every program ends with it, after it has
// freed its blocks, so that final_rss shows what was given back.
void BenchReportMemory(void);

// Starts `count` threads with fn(context + i * stride) and a small stack.
// BenchJoin waits for all of them.
typedef void* (*BenchThreadFn)(void*);
void BenchSpawn(int count, BenchThreadFn fn, void* context, size_t stride);
void BenchJoin(void);

// xorshift64*: three shifts and a multiplication, so that the loop stays small
// beside the call that it measures.
struct BenchRandom {
  uint64_t state;
};

static inline uint64_t BenchNext(struct BenchRandom* random) {
  uint64_t x = random->state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  random->state = x;
  return x * 0x2545F4914F6CDD1DULL;
}

static inline struct BenchRandom BenchSeed(uint64_t seed) {
  struct BenchRandom random = {seed * 0x9E3779B97F4A7C15ULL +
                               0x853C49E6748FEAULL};
  if (random.state == 0) random.state = 1;
  BenchNext(&random);
  return random;
}

// Uniform in [0, bound), bound < 2^32.
static inline uint32_t BenchBelow(struct BenchRandom* random, uint32_t bound) {
  return (uint32_t)(((BenchNext(random) >> 32) * bound) >> 32);
}

// Uniform in [low, high].
static inline size_t BenchBetween(struct BenchRandom* random, size_t low,
                                  size_t high) {
  return low + BenchBelow(random, (uint32_t)(high - low + 1));
}

// Log-uniform in [low, high]: every doubling is equally likely, as sizes of
// real programs are.
size_t BenchLogBetween(struct BenchRandom* random, size_t low, size_t high);

// Uses a fresh block the way its owner would: the first byte, and one byte in
// each further page, so that resident memory is what the sizes say.
static inline void BenchTouch(void* block, size_t size) {
  volatile char* bytes = block;
  bytes[0] = 1;
  for (size_t i = 4096; i < size; i += 4096) bytes[i] = 1;
}

// Fills a block with a pattern made of its size and address, and looks
// whether it still stands. The workloads do so under --smoke, where they are
// tests, and not when they are timed.
void BenchFill(void* block, size_t size);
void BenchVerify(const void* block, size_t size);

// malloc that ends the program with a sentence instead of returning NULL.
void* BenchMalloc(size_t size);

#endif  // BENCH_WORKLOADS_SUPPORT_H_
