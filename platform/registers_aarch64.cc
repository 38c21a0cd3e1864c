// Box:   platform.   Uses: libc.   Must not know: why a signal came.
// Holds: the names and places of aarch64's registers.
// Locks: none.   Read next: alloc/wrap/crash.cc

#include <ucontext.h>

#include "platform/registers.h"

namespace hakmem::platform {
namespace {

constexpr const char* kNames[] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10",
    "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
    "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30"};

}  // namespace

void ReadRegisters(const void* context, Registers* registers) {
  const auto& all = static_cast<const ucontext_t*>(context)->uc_mcontext;
  registers->pc = all.pc;
  registers->sp = all.sp;
  registers->count = 0;
  for (const char* name : kNames) {
    const unsigned i = registers->count++;
    registers->general[i] = {name, all.regs[i]};
  }
}

}  // namespace hakmem::platform
