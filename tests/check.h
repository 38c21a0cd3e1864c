// Box:   tests.   Uses: libc only, nothing that allocates.
// Holds: the CHECK macros of the C tests. GoogleTest needs a C++ library, which
//        musl does not have, and it allocates while the heap is being judged.
// Read next: tests/support.h
#ifndef TESTS_CHECK_H_
#define TESTS_CHECK_H_

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

// One counter for all files of a program: weak, so that a header can define it.
__attribute__((weak)) long check_count = 0;
// Printed with every failure; randomized tests keep their seed here.
__attribute__((weak)) char check_context[256] = "";

static inline void CheckPassed(void) {
  __atomic_fetch_add(&check_count, 1, __ATOMIC_RELAXED);
}

// write(2) and _exit(2) only: the heap may be damaged, and another thread or
// a parent of this process may hold the locks of stdio.
__attribute__((noreturn, cold, noinline, unused)) static void CheckFailed(
    const char* file, int line, const char* text, const char* detail) {
  char out[1024];
  const int n = snprintf(out, sizeof out, "%s:%d: CHECK failed: %s%s%s%s%s\n",
                         file, line, text, detail[0] ? "; " : "", detail,
                         check_context[0] ? "; " : "", check_context);
  const size_t length = n < 0 ? 0 : (size_t)n;
  if (write(2, out, length < sizeof out ? length : sizeof out - 1) < 0) {
    _exit(3);
  }
  _exit(1);
}

__attribute__((noreturn, cold, noinline, unused)) static void CheckFailedCmp(
    const char* file, int line, const char* text, uint64_t got,
    uint64_t wanted) {
  char detail[160];
  snprintf(detail, sizeof detail,
           "left %lld (0x%llx), right %lld (0x%llx), errno %d", (long long)got,
           (unsigned long long)got, (long long)wanted,
           (unsigned long long)wanted, errno);
  CheckFailed(file, line, text, detail);
}

#define CHECK(condition)                               \
  do {                                                 \
    if (!(condition)) {                                \
      CheckFailed(__FILE__, __LINE__, #condition, ""); \
    }                                                  \
    CheckPassed();                                     \
  } while (0)

// `note` is a string that says which case of a loop this was.
#define CHECK_NOTE(condition, note)                      \
  do {                                                   \
    if (!(condition)) {                                  \
      CheckFailed(__FILE__, __LINE__, #condition, note); \
    }                                                    \
    CheckPassed();                                       \
  } while (0)

#define CHECK_OP_(a, op, b)                                           \
  do {                                                                \
    const uint64_t check_a_ = (uint64_t)(a);                          \
    const uint64_t check_b_ = (uint64_t)(b);                          \
    if (!(check_a_ op check_b_)) {                                    \
      CheckFailedCmp(__FILE__, __LINE__, #a " " #op " " #b, check_a_, \
                     check_b_);                                       \
    }                                                                 \
    CheckPassed();                                                    \
  } while (0)

// Both sides are compared as unsigned 64-bit numbers.
#define CHECK_EQ(a, b) CHECK_OP_(a, ==, b)
#define CHECK_NE(a, b) CHECK_OP_(a, !=, b)
#define CHECK_LE(a, b) CHECK_OP_(a, <=, b)
#define CHECK_GE(a, b) CHECK_OP_(a, >=, b)

// The end of main(): a program in which no check ran has tested nothing.
static inline int CheckReport(const char* name) {
  const long count = __atomic_load_n(&check_count, __ATOMIC_RELAXED);
  char out[128];
  const int n = snprintf(out, sizeof out, "%s: %ld checks\n", name, count);
  if (n < 0 || write(1, out, (size_t)n) != n) return 1;
  return count > 0 ? 0 : 1;
}

#ifdef __cplusplus
}
#endif

#endif  // TESTS_CHECK_H_
