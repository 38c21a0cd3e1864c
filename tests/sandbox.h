// Box:   tests.   Uses: seccomp.
// Holds: a list of the system calls that a test may still make.
// Read next: tests/process/system_test.c
#ifndef TESTS_SANDBOX_H_
#define TESTS_SANDBOX_H_

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support.h"

// From linux/filter.h and linux/seccomp.h: musl comes without the kernel's
// headers.
typedef struct {
  uint16_t code;
  uint8_t jump_true, jump_false;
  uint32_t value;
} SandboxInstruction;
typedef struct {
  unsigned short length;
  SandboxInstruction* code;
} SandboxProgram;
enum { kSandboxMaxCalls = 40 };

// Kills the process at every system call that is not in the list, all threads
// included. False: this kernel has no seccomp to offer (qemu-user).
static inline bool SandboxAllow(const int* calls, size_t count) {
  enum {
    kLoadWord = 0x20,
    kJumpEqual = 0x15,
    kReturn = 0x06,
    kModeFilter = 1,
    kAllThreads = 1,
  };
  const uint32_t kKillProcess = 0x80000000u;
  const uint32_t kAllow = 0x7fff0000u;
  SandboxInstruction code[kSandboxMaxCalls + 3];
  CHECK_LE(count, kSandboxMaxCalls);
  size_t at = 0;
  code[at++] = (SandboxInstruction){kLoadWord, 0, 0, 0};  // the call's number
  for (size_t i = 0; i < count; ++i) {
    const uint8_t to_allow = (uint8_t)(count - i);
    code[at++] =
        (SandboxInstruction){kJumpEqual, to_allow, 0, (uint32_t)calls[i]};
  }
  code[at++] = (SandboxInstruction){kReturn, 0, 0, kKillProcess};
  code[at++] = (SandboxInstruction){kReturn, 0, 0, kAllow};
  const SandboxProgram program = {(unsigned short)at, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return syscall(SYS_seccomp, kModeFilter, kAllThreads, &program) == 0;
}

#endif  // TESTS_SANDBOX_H_
