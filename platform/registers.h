// Box:   platform.   Uses: libc.   Must not know: why a signal came.
// Holds: the registers of a thread that a signal has interrupted.
// Locks: none.   Read next: platform/registers_x86_64.cc

#ifndef HAKMEM_PLATFORM_REGISTERS_H_
#define HAKMEM_PLATFORM_REGISTERS_H_

#include <stdint.h>

namespace hakmem::platform {

struct Register {
  const char* name;
  uintptr_t value;
};

struct Registers {
  uintptr_t pc;
  uintptr_t sp;
  unsigned count;
  Register general[32];
};

// `context` is the third argument of a handler with SA_SIGINFO.
// Async-signal-safe.
void ReadRegisters(const void* context, Registers* registers);

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_REGISTERS_H_
