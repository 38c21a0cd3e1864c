// Box:   platform.   Uses: libc.   Must not know: why a signal came.
// Holds: the names and places of x86-64's registers.
// Locks: none.   Read next: alloc/wrap/crash.cc

#include <ucontext.h>

#include "platform/registers.h"

namespace hakmem::platform {
namespace {

struct Place {
  const char* name;
  int index;
};

// The arguments of a call first: what a function was given is told first.
constexpr Place kGeneral[] = {
    {"rdi", REG_RDI}, {"rsi", REG_RSI}, {"rdx", REG_RDX}, {"rcx", REG_RCX},
    {"r8", REG_R8},   {"r9", REG_R9},   {"rax", REG_RAX}, {"rbx", REG_RBX},
    {"rbp", REG_RBP}, {"r10", REG_R10}, {"r11", REG_R11}, {"r12", REG_R12},
    {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15}};

}  // namespace

void ReadRegisters(const void* context, Registers* registers) {
  const auto& all = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  registers->pc = static_cast<uintptr_t>(all[REG_RIP]);
  registers->sp = static_cast<uintptr_t>(all[REG_RSP]);
  registers->count = 0;
  for (const Place& place : kGeneral) {
    registers->general[registers->count++] = {
        place.name, static_cast<uintptr_t>(all[place.index])};
  }
}

}  // namespace hakmem::platform
