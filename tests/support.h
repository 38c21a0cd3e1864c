// Box:   tests.   Uses: libc, hakmem.h (weakly).
// Holds: what the C tests share: escaped pointers, a seeded random source,
//        block patterns, resident memory, and "which heap is under test".
// Read next: tests/api/main.c
#ifndef TESTS_SUPPORT_H_
#define TESTS_SUPPORT_H_

#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"

#ifdef __cplusplus
extern "C" {
#endif

// Weak, so that the same test also runs on a libc's own heap: that is how one
// learns whether a test or the heap is at fault.
extern const char* hak_variant(void) __attribute__((weak));
extern void free_sized(void*, size_t) __attribute__((weak));
extern void free_aligned_sized(void*, size_t, size_t) __attribute__((weak));

static inline bool OnHakmem(void) { return hak_variant != NULL; }

// It pays for its guards in address space, and for its quarantine in memory.
static inline bool OnHardened(void) {
  return OnHakmem() && strcmp(hak_variant(), "hardened") == 0;
}

// The build names the variant that must be in here; a test which silently ran
// on libc's heap would prove nothing.
static inline void CheckHeapUnderTest(void) {
#if defined(HAKMEM_VARIANT_RELEASE)
  CHECK(OnHakmem() && strcmp(hak_variant(), "release") == 0);
#elif defined(HAKMEM_VARIANT_HARDENED)
  CHECK(OnHakmem() && strcmp(hak_variant(), "hardened") == 0);
#elif defined(HAKMEM_VARIANT_CHECKED)
  CHECK(OnHakmem() && strcmp(hak_variant(), "checked") == 0);
#endif
}

// The compiler must not know what a pointer points to, else it deletes an
// allocation that nobody reads (free(malloc(10)) leaves no call at -O2).
static inline void* Escape(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}

static inline size_t Opaque(size_t n) {
  __asm__ volatile("" : "+r"(n));
  return n;
}

// splitmix64: every seed gives another sequence, and the same one everywhere.
typedef struct {
  uint64_t state;
} Random;

static inline uint64_t RandomNext(Random* r) {
  uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static inline size_t RandomBelow(Random* r, size_t n) {
  return (size_t)(RandomNext(r) % n);
}

// Every power of two is equally likely, so that small sizes are not rare.
static inline size_t RandomSize(Random* r, unsigned max_bits) {
  const unsigned bits = (unsigned)RandomBelow(r, max_bits + 1);
  return (size_t)(RandomNext(r) & (((uint64_t)1 << bits) - 1)) + 1;
}

static inline unsigned char PatternByte(uint64_t seed, size_t i) {
  const uint64_t word = (seed + i / 8) * 0x9E3779B97F4A7C15u;
  return (unsigned char)(word >> (8 * (i % 8)));
}

// A word at a time: the tests fill gigabytes, some of them under qemu.
static inline void FillPattern(void* p, size_t n, uint64_t seed) {
  unsigned char* bytes = (unsigned char*)p;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const uint64_t word = (seed + i / 8) * 0x9E3779B97F4A7C15u;
    memcpy(bytes + i, &word, 8);
  }
  for (; i < n; ++i) bytes[i] = PatternByte(seed, i);
}

// The index of the first byte that is not the pattern's, or n.
static inline size_t PatternBreak(const void* p, size_t n, uint64_t seed) {
  const unsigned char* bytes = (const unsigned char*)p;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const uint64_t want = (seed + i / 8) * 0x9E3779B97F4A7C15u;
    uint64_t got;
    memcpy(&got, bytes + i, 8);
    if (got != want) break;
  }
  while (i < n && bytes[i] == PatternByte(seed, i)) ++i;
  return i;
}

// The same for blocks of any size: above 16 KiB both ends and one byte per
// 4 KiB. That sees a lost page and an overlap, and is cheap enough for 64 MiB.
enum { kPaintDense = 16384, kPaintStep = 4096 };

static inline void Paint(void* p, size_t n, uint64_t seed) {
  unsigned char* bytes = (unsigned char*)p;
  if (n <= kPaintDense) {
    FillPattern(p, n, seed);
    return;
  }
  for (size_t i = 0; i < n; i += kPaintStep) bytes[i] = PatternByte(seed, i);
  for (size_t i = 0; i < kPaintStep; ++i) {
    bytes[i] = PatternByte(seed, i);
    bytes[n - 1 - i] = PatternByte(seed, n - 1 - i);
  }
}

// Of a block that was painted over `painted` bytes, the first `kept` are
// compared. Returns the index of the first wrong byte, or `kept`.
static inline size_t PaintBreak(const void* p, size_t painted, size_t kept,
                                uint64_t seed) {
  const unsigned char* bytes = (const unsigned char*)p;
  if (painted <= kPaintDense) return PatternBreak(p, kept, seed);
  for (size_t i = 0; i < kept && i < kPaintStep; ++i) {
    if (bytes[i] != PatternByte(seed, i)) return i;
  }
  for (size_t i = 0; i < kept; i += kPaintStep) {
    if (bytes[i] != PatternByte(seed, i)) return i;
  }
  for (size_t i = painted - kPaintStep; i < kept; ++i) {
    if (bytes[i] != PatternByte(seed, i)) return i;
  }
  return kept;
}

// The index of the first byte that is not 0, or n.
static inline size_t ZeroBreak(const void* p, size_t n) {
  const unsigned char* bytes = (const unsigned char*)p;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    memcpy(&word, bytes + i, 8);
    if (word != 0) break;
  }
  while (i < n && bytes[i] == 0) ++i;
  return i;
}

static inline size_t PageSize(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static inline double Seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Reads a small file without allocating.
static inline void ReadSmallFile(const char* path, char* text, size_t size) {
  memset(text, 0, size);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK_NOTE(fd >= 0, path);
  CHECK_NOTE(read(fd, text, size - 1) > 0, path);
  close(fd);
}

// qemu-user runs aarch64 tests on x86-64 machines; limits, seccomp and ptrace
// are then the emulator's and cannot be tested. The kernel names the process
// after the file it really started.
static inline bool OnEmulator(void) {
  char text[32];
  ReadSmallFile("/proc/self/comm", text, sizeof text);
  return strncmp(text, "qemu-", 5) == 0;
}

typedef struct {
  size_t mapped, resident;  // bytes
} Memory;

// From /proc/self/statm, which counts in pages of the machine: under qemu
// those are x86-64's and not the target's.
static inline Memory MemoryNow(void) {
  const size_t page = OnEmulator() ? 4096 : PageSize();
  char text[128];
  ReadSmallFile("/proc/self/statm", text, sizeof text);
  char* end = text;
  Memory now;
  now.mapped = strtoul(end, &end, 10) * page;
  now.resident = strtoul(end, &end, 10) * page;
  return now;
}

static inline size_t ResidentBytes(void) { return MemoryNow().resident; }

// Fails when more than so much was added since `before`. hakmem promises that,
// libc's heaps do not; under qemu its own memory is in the numbers.
static inline void CheckGrowth(Memory before, size_t mapped, size_t resident) {
  if (!OnHakmem() || OnEmulator()) return;
  const Memory now = MemoryNow();
  CHECK_LE(now.resident, before.resident + resident);
  CHECK_LE(now.mapped, before.mapped + mapped);
}

#ifdef __cplusplus
}
#endif

#endif  // TESTS_SUPPORT_H_
