// Box:   platform.   Uses: libc.   Must not know: heaps.
// Holds: the end of a thread on musl.
// Locks: none.   Read next: alloc/base/variant.h

#include <pthread.h>

#include <atomic>

#include "platform/cpu.h"
#include "platform/thread_hooks.h"

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
  if (key == 0 &&
      // acq_rel: one thread makes the key, the others see what it made.
      g_key.compare_exchange_strong(key, 1, std::memory_order_acq_rel)) {
    pthread_key_t fresh;
    key = pthread_key_create(&fresh, Destructor) == 0 ? 3 + fresh : 2;
    // release: pairs with the acquire above.
    g_key.store(key, std::memory_order_release);
  }
  while (key == 1) {
    CpuRelax();
    // acquire: as above.
    key = g_key.load(std::memory_order_acquire);
  }
  return key >= 3 && pthread_setspecific(key - 3, &g_key) == 0;
}

void ForgetUnfinishedHook() {
  unsigned being_made = 1;
  // relaxed: the child has one thread.
  (void)g_key.compare_exchange_strong(being_made, 0, std::memory_order_relaxed);
}

}  // namespace hakmem::platform
