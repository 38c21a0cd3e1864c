// Box:   platform.   Uses: libc.   Must not know: heaps.
// Holds: the end of a thread on musl.
// Locks: none.   Read next: alloc/base/variant.h

#include <pthread.h>

#include <atomic>

#include "platform/cpu.h"
#include "platform/libc_kind.h"
#include "platform/thread_hooks.h"

static_assert(!hakmem::platform::kGlibc,
              "this is glibc: a platform for it must not have the constraint "
              "value @hakmem//toolchains/platforms:musl");

namespace hakmem::platform {
namespace {

// 0: not made; 1: being made; 2: none to be had; 3 + key otherwise.
HAK_CONSTINIT std::atomic<unsigned> g_key{0};

void Destructor(void*) { OnThreadExit(); }

}  // namespace

// musl has no private hook for this; its keys and values live in static and
// thread storage, so neither call below allocates. Source: musl 1.2.3,
// src/thread/pthread_key_create.c, pthread_setspecific.c.
bool HookThreadExit() {
  // acquire: pairs with the release below, so that the key exists.
  unsigned key = g_key.load(std::memory_order_acquire);
  while (key < 2) {
    // acq_rel: one thread makes the key, the others see what it made.
    if (key == 0 &&
        g_key.compare_exchange_strong(key, 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      pthread_key_t fresh;
      key = pthread_key_create(&fresh, Destructor) == 0 ? 3 + fresh : 2;
      // release: pairs with the acquire above.
      g_key.store(key, std::memory_order_release);
      break;
    }
    CpuRelax();
    // acquire: as above. 0 again: a fork held it, not a maker.
    key = g_key.load(std::memory_order_acquire);
  }
  return key >= 3 && pthread_setspecific(key - 3, &g_key) == 0;
}

// musl before 1.2.4 does not take its key_lock around fork: a child that was
// forked while another thread made our key would wait for it for ever. So fork
// holds the right to make the key, unless it is made.
void LockHookForFork() {
  unsigned key = 0;
  // acquire: as in HookThreadExit; a maker has left pthread_key_create.
  while (!g_key.compare_exchange_weak(key, 1, std::memory_order_acquire)) {
    if (key > 1) return;
    key = 0;
    CpuRelax();
  }
}

void UnlockHookAfterFork() {
  unsigned held = 1;
  // release: as in HookThreadExit. Nobody else can have left it at 1.
  (void)g_key.compare_exchange_strong(held, 0, std::memory_order_release,
                                      std::memory_order_relaxed);
}

}  // namespace hakmem::platform
