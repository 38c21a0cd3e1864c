// Box:   tests/misuse.   Uses: misuse.h.
// Holds: how a misuse program may end, and how that is told from how it ended.
// Read next: expectations.inc
#ifndef TESTS_MISUSE_EXPECT_H_
#define TESTS_MISUSE_EXPECT_H_

#include <stddef.h>

#include "tests/misuse/misuse.h"

// What is expected: one of these, or the exact last words of a process that
// ends by SIGABRT and says nothing else: the line without "hakmem: " and
// newline, in which %p stands for the address that the program blamed and * for
// any text.
#define CAUGHT "<caught>"      // last words of any kind, or a silent fault
#define SURVIVES "<survives>"  // exit code 0, no output
#define GAINS "<gains>"        // the program got what an attacker wants
#define OPEN "<open>"          // libc or the kernel decides; no hang

typedef struct {
  const Misuse* misuse;
  size_t size;
  const char* release;
  const char* hardened;
  const char* checked;
} Row;

// What one run looked like.
typedef struct {
  int wait_status;
  const void* blamed;
  char output[4096];  // fds 1 and 2 together, without qemu's own line
} Outcome;

// NULL if the outcome is as expected, else what differs.
const char* WhyNot(const char* expected, const Outcome* outcome);

#endif  // TESTS_MISUSE_EXPECT_H_
