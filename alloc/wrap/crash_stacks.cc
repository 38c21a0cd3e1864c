// Box:   wrap.   Uses: base, platform.   Must not know: what is reported.
// Holds: the stacks on which handlers run: a thread's own may be full.
// Locks: none.   Read next: alloc/wrap/crash.cc

#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "alloc/base/pointers.h"
#include "alloc/base/thread_phase.h"
#include "alloc/wrap/crash.h"
#include "platform/cpu.h"
#include "platform/page_source.h"

namespace hakmem::wrap {
namespace {

// What we gave to this thread.
__thread char* t_stack;

// How long each is.
size_t g_stack_bytes;

// What the kernel needs for a frame, which some CPUs have made large, and what
// the report needs. Once: of what the kernel does not tell libc says so in
// errno, which a thread's first free must not change.
size_t StackBytes() {
  constexpr unsigned long kMinSigStkSz = 51;  // AT_MINSIGSTKSZ; musl lacks it
  constexpr size_t kReport = size_t{24} << 10;
  return AlignUp(getauxval(kMinSigStkSz) + kReport, platform::PageSize());
}

// Without libc, which would set errno in the middle of a malloc.
long SigAltStack(const stack_t* next, stack_t* now) {
  return platform::Syscall(SYS_sigaltstack, reinterpret_cast<long>(next),
                           reinterpret_cast<long>(now));
}

bool Give() {
  stack_t now = {};
  if (SigAltStack(nullptr, &now) == 0 && (now.ss_flags & SS_DISABLE) == 0) {
    return true;
  }
  char* memory = static_cast<char*>(platform::MapGuarded(g_stack_bytes));
  if (memory == nullptr) return false;
  stack_t mine = {};
  mine.ss_sp = memory;
  mine.ss_size = g_stack_bytes;
  t_stack = memory;
  return SigAltStack(&mine, nullptr) == 0;
}

void Take() {
  if (t_stack == nullptr) return;
  stack_t now = {};
  if (SigAltStack(nullptr, &now) == 0 && now.ss_sp == t_stack) {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    // Not while a handler runs on it.
    if (SigAltStack(&none, nullptr) != 0) return;
  }
  const size_t page = platform::PageSize();
  (void)platform::Unmap(t_stack - page, g_stack_bytes + 2 * page);
  t_stack = nullptr;
}

void Observe(ThreadEvent event) {
  // Out of memory: its reports come on its own stack.
  if (event == ThreadEvent::kSeen) (void)Give();
  if (event == ThreadEvent::kEnds) Take();
}

}  // namespace

bool GiveSignalStacks() {
  g_stack_bytes = StackBytes();
  if (!Give()) return false;
  // release: pairs with the acquire in TellObserver.
  g_thread_observer.store(Observe, std::memory_order_release);
  return true;
}

}  // namespace hakmem::wrap
