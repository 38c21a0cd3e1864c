// Box:   tests/misuse.   Uses: tests/support.h.
// Holds: what a misuse program may say. Each is a file in programs/ of at most
//        20 lines; the runner starts it in a process of its own with a block
//        size, and judges how that process ended and what it said last.
// Read next: programs/double_free.c, then expectations.inc
#ifndef TESTS_MISUSE_MISUSE_H_
#define TESTS_MISUSE_MISUSE_H_

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

typedef struct {
  const char* name;
  void (*run)(size_t size);
} Misuse;

// One per file, named like the file.
#define MISUSE(name)                         \
  static void Run(size_t size);              \
  extern const Misuse misuse_##name;         \
  const Misuse misuse_##name = {#name, Run}; \
  static void Run(__attribute__((unused)) size_t size)

// The address that the last words must name (%p in expectations.inc).
void Blame(const void* p);

// The program saw what an attacker hopes to see; for a row that says Survives
// this is a failure.
enum { kGained = 4 };  // the exit code
__attribute__((noreturn)) void Gained(const char* what);

// The distance of the blocks that hold `size` bytes, as far as it is known.
size_t StrideOf(size_t size);

// The block behind which there certainly is another.
static inline char* Lowest(char* const blocks[], int count) {
  char* lowest = blocks[0];
  for (int i = 1; i < count; ++i) {
    if (blocks[i] < lowest) lowest = blocks[i];
  }
  return lowest;
}

// Memory of the system's, not of the heap's: `bytes` accessible bytes, with
// nothing mapped before and after them.
unsigned char* ForeignPages(size_t bytes);

#endif  // TESTS_MISUSE_MISUSE_H_
