// Box:   platform.   Uses: cpu.h.   Must not know: what is locked.
// Holds: waiting for a word to change.
// Locks: this is what they are made of.   Read next: alloc/base/lock.h

#ifndef HAKMEM_PLATFORM_FUTEX_H_
#define HAKMEM_PLATFORM_FUTEX_H_

#include <sys/syscall.h>

#include <atomic>
#include <cstdint>

#include "platform/cpu.h"

namespace hakmem::platform {

// kFutexWaitPrivate and kFutexWakePrivate, of the kernel's ABI: musl comes
// without the kernel's headers.
inline constexpr long kFutexWaitPrivate = 128;
inline constexpr long kFutexWakePrivate = 129;

// Sleeps while *word == expected; may return early for no reason.
inline void FutexWait(std::atomic<uint32_t>* word, uint32_t expected) {
  (void)Syscall(SYS_futex, reinterpret_cast<long>(word), kFutexWaitPrivate,
                expected, 0);
}

inline void FutexWake(std::atomic<uint32_t>* word, int count) {
  (void)Syscall(SYS_futex, reinterpret_cast<long>(word), kFutexWakePrivate,
                count);
}

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_FUTEX_H_
