// Options, clocks and results of the workloads; see support.h.
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { kMaxThreads = 256, kThreadStack = 256 * 1024 };

static pthread_t g_threads[kMaxThreads];
static int g_thread_count;

static void WriteAll(int fd, const char* text, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, text, length);
    if (written <= 0) _exit(1);
    text += written;
    length -= (size_t)written;
  }
}

static void Say(int fd, const char* text) { WriteAll(fd, text, strlen(text)); }

void BenchFail(const char* sentence) {
  Say(2, sentence);
  Say(2, "\n");
  _exit(1);
}

static _Noreturn void Usage(const char* what, const char* argument,
                            const struct BenchOption* options, size_t count) {
  Say(2, what);
  Say(2, " '");
  Say(2, argument);
  Say(2, "'. The options are --smoke");
  for (size_t i = 0; i < count; ++i) {
    Say(2, ", ");
    Say(2, options[i].name);
    Say(2, "=");
    Say(2, options[i].words ? options[i].words : "<number>");
  }
  Say(2, ".\n");
  _exit(2);
}

// The index of `word` in the blank-separated list, or -1.
static long IndexOfWord(const char* words, const char* word) {
  size_t length = strlen(word);
  for (long index = 0;; ++index) {
    size_t here = strcspn(words, " ");
    if (here == length && memcmp(words, word, length) == 0) return index;
    if (words[here] == '\0') return -1;
    words += here + 1;
  }
}

static bool ParseValue(const char* text, struct BenchOption* option) {
  if (option->words != NULL) {
    option->value = IndexOfWord(option->words, text);
    return option->value >= 0;
  }
  char* end;
  option->value = strtol(text, &end, 0);
  return end != text && *end == '\0' && option->value >= 0;
}

static struct BenchOption* FindOption(const char* argument,
                                      struct BenchOption* options,
                                      size_t count) {
  size_t length = strcspn(argument, "=");
  if (argument[length] != '=') return NULL;
  for (size_t i = 0; i < count; ++i) {
    if (strlen(options[i].name) == length &&
        memcmp(options[i].name, argument, length) == 0) {
      return &options[i];
    }
  }
  return NULL;
}

bool BenchParse(int argc, char** argv, struct BenchOption* options,
                size_t count) {
  bool smoke = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--smoke") == 0) smoke = true;
  }
  for (size_t i = 0; smoke && i < count; ++i) {
    options[i].value = options[i].smoke;
  }
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--smoke") == 0) continue;
    struct BenchOption* option = FindOption(argv[i], options, count);
    if (option == NULL) Usage("There is no option", argv[i], options, count);
    if (!ParseValue(strchr(argv[i], '=') + 1, option)) {
      Usage("This value cannot be used:", argv[i], options, count);
    }
  }
  return smoke;
}

void* BenchMap(size_t bytes) {
  void* pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) BenchFail("no memory for the bench's own tables");
  return pages;
}

void* BenchMapTouched(size_t bytes) {
  void* pages = BenchMap(bytes);
  for (size_t i = 0; i < bytes; i += 4096) ((volatile char*)pages)[i] = 0;
  return pages;
}

void BenchReport(const char* metric, const char* unit, double value) {
  char line[160];
  int length =
      snprintf(line, sizeof line, "%s %s %.10g\n", metric, unit, value);
  WriteAll(1, line, (size_t)length);
}

void BenchReportAt(const char* metric, double at, const char* unit,
                   double value) {
  char line[160];
  int length = snprintf(line, sizeof line, "%s@%.6g %s %.10g\n", metric, at,
                        unit, value);
  WriteAll(1, line, (size_t)length);
}

static uint64_t ReadClock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t BenchNow(void) { return ReadClock(CLOCK_MONOTONIC); }

uint64_t BenchCpuTime(void) { return ReadClock(CLOCK_PROCESS_CPUTIME_ID); }

// The number after `key` in a file of /proc, or -1.
static long ReadProc(const char* path, const char* key) {
  char text[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t used = 0;
  ssize_t got;
  while ((got = read(fd, text + used, sizeof text - 1 - used)) > 0) {
    used += (size_t)got;
  }
  close(fd);
  text[used] = '\0';
  const char* found = strstr(text, key);
  return found == NULL ? -1 : strtol(found + strlen(key), NULL, 10);
}

long BenchRss(void) {
  // VmRSS is a sum of per-CPU counters that the kernel folds late; the
  // difference is larger than some of the allocators.
  long exact = ReadProc("/proc/self/smaps_rollup", "\nRss:");
  return exact >= 0 ? exact : ReadProc("/proc/self/status", "\nVmRSS:");
}

long BenchPeakRss(void) {
  long peak = ReadProc("/proc/self/status", "\nVmHWM:");
  long now = BenchRss();
  return peak > now ? peak : now;
}

long BenchPageFaults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

void BenchStart(struct BenchTimer* timer) {
  timer->faults = BenchPageFaults();
  timer->cpu = BenchCpuTime();
  timer->wall = BenchNow();
}

void BenchStop(const struct BenchTimer* timer, uint64_t operations) {
  uint64_t wall = BenchNow() - timer->wall;
  uint64_t cpu = BenchCpuTime() - timer->cpu;
  long faults = BenchPageFaults() - timer->faults;
  BenchReport("time_per_op", "ns", (double)wall / (double)operations);
  BenchReport("cpu_per_op", "ns", (double)cpu / (double)operations);
  BenchReport("page_faults", "count", (double)faults);
}

void BenchReportMemory(void) {
  BenchReport("peak_rss", "KiB", (double)BenchPeakRss());
  BenchReport("final_rss", "KiB", (double)BenchRss());
}

void BenchSpawn(int count, BenchThreadFn fn, void* context, size_t stride) {
  if (count < 1 || count > kMaxThreads) {
    BenchFail("the number of threads must be 1 to 256");
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kThreadStack);
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&g_threads[i], &attributes, fn,
                       (char*)context + (size_t)i * stride) != 0) {
      BenchFail("a thread could not be started");
    }
  }
  pthread_attr_destroy(&attributes);
  g_thread_count = count;
}

void BenchJoin(void) {
  for (int i = 0; i < g_thread_count; ++i) pthread_join(g_threads[i], NULL);
}

size_t BenchLogBetween(struct BenchRandom* random, size_t low, size_t high) {
  int doublings = 0;
  while ((low << (doublings + 1)) <= high) ++doublings;
  size_t base = low << BenchBelow(random, (uint32_t)doublings + 1);
  size_t top = base * 2 - 1 < high ? base * 2 - 1 : high;
  return BenchBetween(random, base, top);
}

static unsigned char Pattern(const void* block, size_t size) {
  return (unsigned char)(((uintptr_t)block >> 4) + size * 31);
}

void BenchFill(void* block, size_t size) {
  memset(block, Pattern(block, size), size);
}

void BenchVerify(const void* block, size_t size) {
  const unsigned char* bytes = block;
  unsigned char expected = Pattern(block, size);
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != expected) BenchFail("a live block was overwritten");
  }
}

void* BenchMalloc(size_t size) {
  void* block = malloc(size);
  if (block == NULL) BenchFail("malloc returned NULL");
  return block;
}
